"""How settings are read: files, the environment over them, and variables in texts."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from metalith.errors import InvalidError

Tree = dict[str, Any]

_VARIABLE = re.compile(r"\$\{([^}:]*)(?::-([^}]*))?\}")


class InvalidConfigError(InvalidError):
    """A configuration cannot be used as it is."""


class ConfigNotFoundError(InvalidConfigError, FileNotFoundError):
    """There is no configuration where one was named."""


def read_toml(file: Path) -> Tree:
    """The tree of a TOML file."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as problem:
        raise InvalidConfigError(f"cannot read `{file}`: {problem.strerror}") from problem
    return parse_toml(text, file)


def parse_toml(text: str, file: Path) -> Tree:
    """The tree of a text in TOML; messages call it by the name of the file."""
    # Python 3.10 has none of its own.
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return cast("Tree", tomllib.loads(text))
    except ValueError as problem:
        raise InvalidConfigError(f"`{file}` is no TOML: {problem}") from problem


def find_file(start: Path, names: Iterable[str], table: str, *, parents: bool) -> Path | None:
    """The first file of these names, or a `pyproject.toml` that has the table, from a folder up."""
    folder = start.absolute()
    for place in (folder, *folder.parents) if parents else (folder,):
        for name in names:
            if (place / name).is_file():
                return place / name
        project = place / "pyproject.toml"
        if project.is_file() and table in read_toml(project).get("tool", {}):
            return project
    return None


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Two trees in one: the second says what both say."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(cast("Tree", below), cast("Tree", value)) if both else value
    return result


def paths(tree: Mapping[str, Any], above: str = "") -> list[str]:
    """Every key of a tree, those within others with a dot between.

    >>> paths({"config": {"path": "a"}})
    ['config', 'config.path']
    """
    found: list[str] = []
    for key, value in tree.items():
        found.append(f"{above}{key}")
        if isinstance(value, Mapping):
            found.extend(paths(cast("Tree", value), f"{above}{key}."))
    return found


def extended(parent: Mapping[str, Any], child: Mapping[str, Any]) -> Tree:
    """A file over the one it extends: tables are put together, lists too, the rest is replaced."""
    result = dict(parent)
    for key, value in child.items():
        above = result.get(key)
        if isinstance(above, list) and isinstance(value, list):
            result[key] = [*cast("list[Any]", above), *cast("list[Any]", value)]
        elif isinstance(above, Mapping) and isinstance(value, Mapping):
            result[key] = {**cast("Tree", above), **cast("Tree", value)}
        else:
            result[key] = value
    return result


def expand(value: Any, file: Path, unset: str | None) -> Any:
    """Replaces `${NAME}` and `${NAME:-default}` in every text by variables of the environment.

    A variable that is not set and has no default is `unset`, or a mistake if that is `None`.
    """
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: _variable(found, file, unset), value)
    if isinstance(value, list):
        return [expand(it, file, unset) for it in cast("list[Any]", value)]
    if isinstance(value, Mapping):
        return {key: expand(it, file, unset) for key, it in cast("Tree", value).items()}
    return value


def _variable(found: re.Match[str], file: Path, unset: str | None) -> str:
    given: str | None = found[2]
    value = os.environ.get(found[1], unset if given is None else given)
    if value is None:
        raise InvalidConfigError(
            f"the variable `{found[1]}`, which `{file}` needs, is not set",
            hint=f"set it, or give a default: `${{{found[1]}:-default}}`",
        )
    return value


def environment(prefix: str, place: Callable[[str], list[str] | None]) -> Tree:
    """What variables say, as a tree. `place` tells the path of a name, or that it is not one."""
    found: Tree = {}
    for variable in sorted(os.environ):
        if not variable.upper().startswith(prefix):
            continue
        path = place(variable[len(prefix) :].upper())
        if not path:
            continue
        here = found
        for step in path[:-1]:
            below = here.setdefault(step, {})
            # A variable for a whole table and one for a part of it: the part is left out.
            if not isinstance(below, dict):
                break
            here = cast("Tree", below)
        else:
            here[path[-1]] = _value(os.environ[variable])
    return found


def _value(text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def to_toml(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """A tree as TOML, scalars before tables. What is None is left out."""
    lines: list[str] = []
    tables: list[str] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            inner = to_toml(cast("Tree", value), (*path, key))
            tables.append(f"\n[{'.'.join(map(_key, (*path, key)))}]\n{inner}")
        elif value is not None:
            lines.append(f"{_key(key)} = {_toml_value(value)}\n")
    return "".join([*lines, *tables])


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(it) for it in cast('list[Any]', value))}]"
    if isinstance(value, Mapping):
        inner = cast("Tree", value).items()
        pairs = (f"{_key(key)} = {_toml_value(it)}" for key, it in inner if it is not None)
        return f"{{ {', '.join(pairs)} }}"
    # JSON's texts, numbers and booleans are TOML's.
    return json.dumps(value)
