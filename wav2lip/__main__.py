"""`python -m wav2lip` is the command line."""

from wav2lip.cli import main

main()
