"""Plain values as YAML, in blocks."""

import json
import re
from collections.abc import Mapping
from typing import cast

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|[0-9]+[a-df-zA-Z_/-][A-Za-z0-9_/-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def to_yaml(value: object) -> str:
    """A value of mappings, lists, texts, numbers, truth values and None.

    >>> print(to_yaml({"a": ["x", "1"], "b": [], "c": [{"d": None, "e": True}]}), end="")
    a:
    - x
    - "1"
    b: []
    c:
    - d: null
      e: true
    """
    return "\n".join(_lines(value)) + "\n"


def _lines(value: object) -> list[str]:
    if isinstance(value, Mapping) and value:
        lines: list[str] = []
        for key, it in cast("Mapping[str, object]", value).items():
            lines += _under(f"{_scalar(key)}:", it, indent="" if isinstance(it, list) else "  ")
        return lines
    if isinstance(value, list) and value:
        lines = []
        for it in cast("list[object]", value):
            first, *others = _lines(it)
            lines += [f"- {first}", *(f"  {line}" for line in others)]
        return lines
    return [_scalar(value)]


def _under(name: str, value: object, indent: str) -> list[str]:
    if isinstance(value, Mapping | list) and value:
        return [name, *(f"{indent}{line}" for line in _lines(cast("object", value)))]
    return [f"{name} {_scalar(value)}"]


def _scalar(value: object) -> str:
    is_bare = isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _WORDS
    # What JSON is, YAML is too.
    return str(value) if is_bare else json.dumps(value, ensure_ascii=False)
