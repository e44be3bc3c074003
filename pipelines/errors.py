"""Errors a user sees as one Chinese sentence; everything else is our bug and keeps its traceback."""


class YanpanError(Exception):
    """A condition with one Chinese sentence and an exit code; nothing was half-written."""

    exit_code = 3

    def __init__(self, sentence: str, *, result: dict | None = None):
        super().__init__(sentence)
        self.result = result or {}
        """What `--json` says besides the sentence."""


class UsageError(YanpanError):
    """The command's words are off."""

    exit_code = 2


class SourceError(YanpanError):
    """A file cannot be read as what it should be. Says file, row or column, found, expected, next step."""

    exit_code = 3

    def __init__(self, file: str, *, found: str, expected: str, next_step: str, where: str = ""):
        self.file, self.where, self.found, self.expected, self.next_step = (
            file,
            where,
            found,
            expected,
            next_step,
        )
        place = f"{file}，{where}" if where else file
        super().__init__(f"{place}：发现{found}，应为{expected}。{next_step}")


class CheckFailed(YanpanError):
    """A publish check found wrong rows; the previous version still serves."""

    exit_code = 4
