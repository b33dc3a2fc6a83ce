"""Variables of the environment that a file `.env` names."""

import re
from pathlib import Path

_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")
_COMMENT = re.compile(r"(?:^|\s)#.*")
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}


def variables_in(file: Path) -> dict[str, str]:
    """The variables of a file, if there is one: lines `NAME=value`, with quotes or without."""
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(it for line in lines if (it := _variable(line)) is not None)


def _variable(line: str) -> tuple[str, str] | None:
    """What a line says.

    >>> _variable("export NAME='a # b' # why"), _variable("NAME=a#b # why"), _variable("# why")
    (('NAME', 'a # b'), ('NAME', 'a#b'), None)
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    name, value = found.groups()
    quote = value[:1]
    if quote == "'" and (end := value.find(quote, 1)) > 0:
        return name, value[1:end]
    if quote == '"' and (quoted := re.match(r'"((?:[^"\\]|\\.)*)"', value)):
        return name, re.sub(r"\\.", lambda it: _ESCAPES.get(it[0], it[0]), quoted[1])
    return name, _COMMENT.sub("", value).rstrip()
