"""The program: what `wav2lip` and `python -m wav2lip` run."""

from wav2lip.ending import leaving_at_once


def run() -> None:
    """Run what the command line says, and end the process."""
    with leaving_at_once():
        from wav2lip.cli import main

        main()


if __name__ == "__main__":
    run()
