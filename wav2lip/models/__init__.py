"""Every network as a plain `nn.Module`, and the safe loading of their weights."""
