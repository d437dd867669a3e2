"""ffmpeg at both ends: probe, decode to frames and samples, encode, mux."""
