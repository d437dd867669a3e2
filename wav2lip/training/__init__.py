"""Training: drawn talking heads, prepared recordings, and the loops that learn from them."""
