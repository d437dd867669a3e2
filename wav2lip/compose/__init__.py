"""Put a generated mouth back into the frame it came from."""
