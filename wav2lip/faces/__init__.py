"""Where the face is: boxes per frame, detected, followed, smoothed, cached."""
