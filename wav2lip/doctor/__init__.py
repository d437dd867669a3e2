"""What is wrong, or worth knowing, before any work begins: with the machine, and with a video and a recording."""
