"""What a command says when it cannot do its work. `cli.main` turns these into messages and exit statuses."""

from collections.abc import Sequence

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_UNREACHABLE = 3
EXIT_DIFFERS = 4
"""Of `site plan` alone."""
EXIT_INTERRUPTED = 130


class ToolError(Exception):
    """The work failed: `message` says what and why, `hint` what to type next; `details` come first."""

    default_status = EXIT_FAILED

    def __init__(
        self, message: str, hint: str | None = None, status: int | None = None, details: Sequence[str] = ()
    ) -> None:
        super().__init__("\n".join([*details, message]))
        self.message = message
        self.hint = hint
        self.status = self.default_status if status is None else status
        self.details = list(details)


class BadInput(ToolError):
    """What was typed, or a file that was read, is wrong."""

    default_status = EXIT_BAD_INPUT


class Unreachable(ToolError):
    """A device or the broker does not answer."""

    default_status = EXIT_UNREACHABLE
