"""The journey of one clip: speech and faces in, a lip-synced video out."""
