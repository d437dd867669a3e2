"""How fast the program is on this machine, and what it could be."""
