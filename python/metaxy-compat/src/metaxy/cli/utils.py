"""How Metaxy's command tells of errors, for scripts that tell of theirs in the same way."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, NoReturn, Protocol

__all__ = [
    "CLIError",
    "CLIErrorCode",
    "OutputFormat",
    "exit_with_error",
    "print_error",
    "print_error_item",
    "print_error_list",
]

OutputFormat = Literal["plain", "json"]
"""For people, or for programs."""


class _Console(Protocol):
    """One of `rich`, or any that prints."""

    def print(self, *texts: Any) -> None: ...


class CLIErrorCode(str, Enum):
    """What went wrong."""

    CONFLICTING_FLAGS = "CONFLICTING_FLAGS"
    FEATURES_NOT_FOUND = "FEATURES_NOT_FOUND"
    GENERIC_ERROR = "GENERIC_ERROR"
    INVALID_FEATURE_KEY = "INVALID_FEATURE_KEY"
    MISSING_CONFIRMATION = "MISSING_CONFIRMATION"
    MISSING_REQUIRED_FLAG = "MISSING_REQUIRED_FLAG"
    NO_FEATURES = "NO_FEATURES"
    SNAPSHOT_ERROR = "SNAPSHOT_ERROR"
    SNAPSHOT_LOAD_FAILED = "SNAPSHOT_LOAD_FAILED"


@dataclass
class CLIError:
    """An error to tell of.

    >>> CLIError(CLIErrorCode.NO_FEATURES, "nothing is declared", {"project": "shop"}).to_json()
    {'error': 'NO_FEATURES', 'message': 'nothing is declared', 'project': 'shop'}
    """

    code: CLIErrorCode
    message: str
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    hint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"error": self.code.value, "message": self.message, **self.details}

    def to_plain(self) -> str:
        """For people, with the markup of `rich`."""
        lines = [f"[red]Error:[/red] {_literal(self.message)}"]
        lines += [f"[yellow]Hint:[/yellow] {_literal(self.hint)}"] if self.hint else []
        return "\n".join(lines)


def exit_with_error(error: CLIError, output_format: OutputFormat) -> NoReturn:
    """Prints an error and ends with exit code 1."""
    if output_format == "json":
        print(json.dumps(error.to_json()))
    else:
        try:
            from rich.console import Console
        except ImportError:
            from metaxy.cli.console import Console
        Console().print(error.to_plain())
    raise SystemExit(1)


def print_error(
    console: _Console,
    message: str,
    error: str | Exception | None = None,
    *,
    prefix: str = "[red]✗[/red]",
) -> None:
    """Prints what went wrong, and why."""
    console.print(f"{prefix} {message}" + ("" if error is None else f": {_literal(error)}"))


def print_error_item(
    console: _Console,
    key: str,
    error: str | Exception,
    *,
    prefix: str = "  ✗",
    indent: str = "",
) -> None:
    """Prints what went wrong with one thing."""
    console.print(f"{indent}{prefix} {_literal(key)}: {_literal(error)}")


def print_error_list(
    console: _Console,
    errors: Mapping[str, str | Exception],
    *,
    header: str | None = None,
    prefix: str = "  ✗",
    indent: str = "",
    max_items: int | None = None,
) -> None:
    """Prints what went wrong with each thing, or with the first few."""
    if header:
        console.print(header)
    shown = list(errors.items())[:max_items]
    for key, error in shown:
        print_error_item(console, key, error, prefix=prefix, indent=indent)
    if len(shown) < len(errors):
        console.print(f"{indent}  ... and {len(errors) - len(shown)} more")


def _literal(text: object) -> str:
    """What `rich` does not take for markup."""
    try:
        from rich.markup import escape
    except ImportError:
        return str(text)
    return escape(str(text))
