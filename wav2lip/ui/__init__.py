"""The web page: files in, a synced video out, for people who would rather click."""
