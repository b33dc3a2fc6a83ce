"""Where Metaxy's command prints. Metalith's prints to `sys.stdout` and `sys.stderr`."""

import sys
from dataclasses import dataclass, field
from typing import Any, TextIO

__all__ = ["Console", "console", "data_console", "error_console"]


@dataclass
class Console:
    """A place to print to."""

    file: TextIO = field(default_factory=lambda: sys.stdout)

    def print(self, *texts: Any) -> None:
        """Prints texts in a line."""
        print(*texts, file=self.file)


console = Console(sys.stderr)
data_console = Console(sys.stdout)
error_console = Console(sys.stderr)
