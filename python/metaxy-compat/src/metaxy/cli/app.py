"""The command as Metaxy's is called: from scripts, and within a process."""

import os
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TextIO

from metaxy import __main__ as command

__all__ = ["app", "main"]


def main() -> int:
    """Runs the command; returns its exit code."""
    return command.main()


class App:
    """Runs the command within a process: `app.meta(["list", "features"])`."""

    def meta(self, tokens: Sequence[str] | None = None, *, exit_on_error: bool = True) -> None:
        """Runs the command; ends by `SystemExit` unless all went well.

        Errors are told by exit codes anyway, so `exit_on_error` means nothing.
        """
        del exit_on_error
        with _through_python():
            code = command.main(tokens)
        if code != 0:
            raise SystemExit(code)

    __call__ = meta


app = App()


@contextmanager
def _through_python() -> Generator[None]:
    """Hands what the engine prints to whatever stands for `sys.stdout` and `sys.stderr` now."""
    with ExitStack() as stack:
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            if not _is_real(stream, number):
                stack.enter_context(_handing_over(number, stream))
        yield


@contextmanager
def _handing_over(number: int, stream: TextIO) -> Generator[None]:
    saved = os.dup(number)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), number)
        try:
            yield
        finally:
            os.dup2(saved, number)
            os.close(saved)
            file.seek(0)
            stream.write(file.read().decode(errors="replace"))


def _is_real(stream: object, number: int) -> bool:
    try:
        return stream.fileno() == number  # pyright: ignore[reportAttributeAccessIssue]
    except (AttributeError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
