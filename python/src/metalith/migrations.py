"""Functions of a project that migrations name.

A step of a migration may be `operation: custom`, with `run: "module:function"`. The function takes
samples as a frame of Narwhals, with their ids and what users store of them, and gives back those
that change, as a frame of any kind: their ids, and the columns that change.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from metalith import _metalith
from metalith.errors import InvalidError
from metalith.frames import to_arrow, to_narwhals


def call(name: str, feature: str, samples: _metalith.Frame) -> object:
    """Calls a function with samples of a feature. Called by the engine alone."""
    answer: object = _find(name)(to_narwhals(samples))
    if answer is None:
        raise InvalidError(f"`{name}` gives nothing back for `{feature}`")
    return to_arrow(answer)


def _find(name: str) -> Callable[[Any], Any]:
    module, separator, path = name.partition(":")
    if not separator:
        raise InvalidError(f"`{name}` names no function", hint="write `module:function`")
    here = str(Path.cwd())
    if here not in sys.path:
        # As Python does for a script: modules of the project are found from its folder.
        sys.path.insert(0, here)
    found: object = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    # A class may have settings of its own to make.
    made: object = found() if isinstance(found, type) else found
    if not callable(made):
        raise InvalidError(f"`{name}` is no function")
    return cast("Callable[[Any], Any]", made)
