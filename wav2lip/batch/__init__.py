"""Many jobs: what they are, who does them, and what became of each."""
