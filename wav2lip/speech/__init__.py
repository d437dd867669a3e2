"""Speech: a waveform in, one mel window per video frame out."""
