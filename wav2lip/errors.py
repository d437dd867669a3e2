"""What can go wrong, each with the exit code that the command line gives for it.

The message of every error is one or two sentences for the person who meets it: what is wrong, where, what to do.
"""


_LONGEST = 5000     # characters: two paths as long as paths can be do not fill a terminal


class Wav2LipError(Exception):
    """Something failed that the user can understand and act on.

    Its text is one line that a terminal only shows, whatever names of files and tensors stand in it.
    """

    exit_code = 1

    def __str__(self) -> str:
        text = super().__str__()
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"
        if text.isprintable():
            return text
        return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class UsageError(Wav2LipError):
    """An option, or a combination of options, that makes no sense."""

    exit_code = 2


class MediaError(Wav2LipError):
    """A video, image or sound that cannot be read."""

    exit_code = 3


class WeightsError(Wav2LipError):
    """A weights file that is missing, broken, or of another network."""

    exit_code = 4


class NoFaceError(Wav2LipError):
    """No face in the whole clip."""

    exit_code = 5


class LowScoreError(Wav2LipError):
    """Lips and speech fit worse than was asked for."""

    exit_code = 6
