"""Tells people who watch how long work has been going on.

Work that takes more than a second shows a line on a terminal, or below a cell of a notebook, which
is gone when the work is done. Scripts whose error output is no terminal see nothing, and nobody
does with `METALITH_PROGRESS=0`.
"""

import os
import sys
from typing import Any, Protocol

_WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class _Watcher(Protocol):
    def show(self, text: str) -> None: ...
    def clear(self) -> None: ...


class _Terminal:
    def show(self, text: str) -> None:
        # Back to the start of the line, and away with what the last text had more.
        sys.stderr.write(f"\r{text}\x1b[K")
        sys.stderr.flush()

    def clear(self) -> None:
        self.show("")


class _Notebook:
    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, text: str) -> None:
        shown = {"text/plain": text}
        if self._handle is None:
            self._handle = self._display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def clear(self) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)
            self._handle = None


def _watcher() -> _Watcher | None:
    if os.environ.get("METALITH_PROGRESS") == "0":
        return None
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is not None and shell.has_trait("kernel"):
        from importlib import import_module

        return _Notebook(import_module("IPython.display").display)
    return _Terminal() if sys.stderr is not None and sys.stderr.isatty() else None


class Progress:
    """One piece of work, as the engine tells of it now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._watcher = _watcher()

    @property
    def is_watched(self) -> bool:
        """Whether there is anybody to tell."""
        return self._watcher is not None

    def tell(self, seconds: float) -> None:
        """It has been going on for so long."""
        if self._watcher is not None:
            wheel = _WHEEL[int(seconds * 5) % len(_WHEEL)]
            self._watcher.show(f"{wheel} {self._what}  {seconds:.0f} s")

    def done(self) -> None:
        """It is over, in whatever way."""
        if self._watcher is not None:
            self._watcher.clear()
