"""The `metalith` command, with the project's Python features loaded first."""

import json
import os
import sys
from collections.abc import Sequence

from metalith import _metalith
from metalith._drivers import driver_variables
from metalith.entrypoints import declared_features
from metalith.errors import MetalithError


def main() -> int:
    """Runs the command; returns its exit code."""
    try:
        declared = _declared()
    except MetalithError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return run(sys.argv[1:], declared)


def run(arguments: Sequence[str], declared: str, *, program: str = "metalith") -> int:
    """Runs the command over features as the engine takes them; returns its exit code."""
    for variable, library in driver_variables().items():
        os.environ.setdefault(variable, library)
    return _metalith.run_command([program, *arguments], declared, _call)


def _call(name: str, feature: str, samples: _metalith.Frame) -> object:
    # Hardly any command needs it.
    from metalith.migrations import call

    return call(name, feature, samples)


def _declared() -> str:
    """The features that the project declares in Python, as the engine takes them."""
    named = _option("--project") or os.environ.get("METALITH_PROJECT")
    graph = declared_features(named, from_here=True)
    return json.dumps([] if graph is None else graph.declarations())


def _option(name: str) -> str | None:
    """The value of an option, wherever it stands."""
    for position, argument in enumerate(sys.argv[1:], 1):
        if argument == name:
            return sys.argv[position + 1] if position + 1 < len(sys.argv) else None
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


if __name__ == "__main__":
    sys.exit(main())
