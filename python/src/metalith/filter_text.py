"""Filters in text as expressions of Narwhals, for frames that are not in a store.

Stores take the text itself, and more of the language than there is here.

>>> import narwhals as nw, polars as pl
>>> rows = nw.from_native(pl.DataFrame({"label": ["cat", "dog", None], "size": [1, 2, 3]}))
>>> rows.filter(to_narwhals("size > 1 AND label IN ('cat', 'dog')"))["label"].to_list()
['dog']
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from metalith.errors import FilterError

if TYPE_CHECKING:
    import narwhals as nw

Value: TypeAlias = str | int | float | bool | None

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^']|'')*')
      | (?P<name>(?:"(?:[^"]|"")+"|[^\W\d]\w*)(?:\.(?:"(?:[^"]|"")+"|[^\W\d]\w*))*)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<mark><>|<=|>=|==|!=|[=<>!(),-])
    )""",
    re.VERBOSE,
)
_PART = re.compile(r'"((?:[^"]|"")+)"|([^.]+)')
_COMPARISONS = {"=": "==", "==": "==", "!=": "!=", "<>": "!="} | {
    it: it for it in ["<", ">", "<=", ">="]
}
_TURNED = {"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_DEEPEST = 64


@dataclass(frozen=True)
class _Column:
    name: str


@dataclass(frozen=True)
class _Literal:
    value: Value


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int


def to_narwhals(text: str) -> "nw.Expr":
    """The expression of a filter: comparisons, `IN`, `IS`, `AND`, `OR`, `NOT` and parentheses.

    >>> to_narwhals("name LIKE 'a%'")
    Traceback (most recent call last):
        ...
    metalith.errors.FilterError: `LIKE` cannot be used here
    <BLANKLINE>
    hint: give the text to a store, which understands more; at position 6 of `name LIKE 'a%'`
    """
    parser = _Parser(text)
    found = parser.any_of(0)
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._split())
        self.at = 0

    def _split(self) -> "list[_Token]":
        found: list[_Token] = []
        position = 0
        while self.text[position:].strip():
            match = _TOKEN.match(self.text, position)
            if match is None or match.lastgroup is None:
                start = position + len(self.text[position:]) - len(self.text[position:].lstrip())
                self.refuse(self.text[start], start)
            kind = match.lastgroup
            found.append(_Token(kind, match[kind], match.start(kind)))
            position = match.end()
        return found

    # Steps

    def refuse(self, what: str, position: int) -> NoReturn:
        raise FilterError(
            f"`{what}` cannot be used here",
            code="filter.text",
            hint="give the text to a store, which understands more; "
            f"at position {position + 1} of `{self.text}`",
        )

    def refuse_next(self) -> NoReturn:
        if self.at < len(self.tokens):
            self.refuse(self.tokens[self.at].text, self.tokens[self.at].start)
        raise FilterError(
            f"the filter `{self.text}` ends too early" if self.text.strip() else "it is empty",
            code="filter.text",
        )

    def word(self) -> str:
        """The next word or mark in capitals; empty at the end, and for values."""
        if self.at >= len(self.tokens):
            return ""
        token = self.tokens[self.at]
        return token.text.upper() if token.kind in ("name", "mark") else ""

    def take(self, *words: str) -> bool:
        """Goes on when the next words are these."""
        start = self.at
        for word in words:
            if self.word() != word:
                self.at = start
                return False
            self.at += 1
        return True

    def need(self, word: str) -> None:
        if not self.take(word):
            self.refuse_next()

    def end(self) -> None:
        if self.at < len(self.tokens):
            self.refuse_next()

    # Grammar

    def any_of(self, depth: int) -> "nw.Expr":
        if depth > _DEEPEST:
            raise FilterError("the filter is nested too deeply", code="filter.depth")
        found = self.all_of(depth)
        while self.take("OR"):
            found = found | self.all_of(depth)
        return found

    def all_of(self, depth: int) -> "nw.Expr":
        found = self.negated(depth)
        while self.take("AND"):
            found = found & self.negated(depth)
        return found

    def negated(self, depth: int) -> "nw.Expr":
        turns = 0
        while self.take("NOT") or self.take("!"):
            turns += 1
        found = self.condition(depth)
        return ~found if turns % 2 else found

    def condition(self, depth: int) -> "nw.Expr":
        if self.take("("):
            found = self.any_of(depth + 1)
            self.need(")")
            return found
        start = self.at
        left = self.operand()
        operator = _COMPARISONS.get(self.word())
        if operator is not None:
            self.at += 1
            return self.compared(left, operator, self.operand(), start)
        if isinstance(left, _Literal):
            # A value alone is about no row.
            self.at = start
            self.refuse_next()
        return self.tested(_expression(left))

    def compared(
        self, left: "_Column | _Literal", operator: str, right: "_Column | _Literal", start: int
    ) -> "nw.Expr":
        if isinstance(left, _Literal):
            if isinstance(right, _Literal):
                self.at = start
                self.refuse_next()
            left, operator, right = right, _TURNED[operator], left
        column = _expression(left)
        if isinstance(right, _Literal) and right.value is None:
            if operator not in ("==", "!="):
                self.at = start
                self.refuse_next()
            return column.is_null() if operator == "==" else ~column.is_null()
        other = _expression(right) if isinstance(right, _Column) else right.value
        return _OPERATORS[operator](column, other)

    def tested(self, column: "nw.Expr") -> "nw.Expr":
        """What follows a column that nothing is compared with."""
        if self.take("ISNULL"):
            return column.is_null()
        if self.take("NOTNULL"):
            return ~column.is_null()
        if self.take("IS"):
            is_not = self.take("NOT")
            if self.take("NULL"):
                found = column.is_null()
            elif self.take("TRUE"):
                found = column & ~column.is_null()
            elif self.take("FALSE"):
                found = ~column & ~column.is_null()
            else:
                self.refuse_next()
            return ~found if is_not else found
        if self.take("NOT", "IN"):
            return ~column.is_in(self.values())
        if self.take("IN"):
            return column.is_in(self.values())
        return column

    def values(self) -> list[Value]:
        self.need("(")
        found = [self.value()]
        while self.take(","):
            found.append(self.value())
        self.need(")")
        return found

    def value(self) -> Value:
        start = self.at
        found = self.operand()
        if isinstance(found, _Column):
            self.at = start
            self.refuse_next()
        return found.value

    def operand(self) -> "_Column | _Literal":
        minus = self.take("-")
        if self.at >= len(self.tokens):
            self.refuse_next()
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "number":
            number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            return _Literal(-number if minus else number)
        if minus or token.kind == "mark":
            self.at -= 1
            self.refuse_next()
        if token.kind == "text":
            return _Literal(token.text[1:-1].replace("''", "'"))
        if token.text.upper() in _WORDS:
            return _Literal(_WORDS[token.text.upper()])
        if token.text.upper() in _RESERVED or self.word() in _REFUSED:
            self.at -= token.text.upper() in _RESERVED
            self.refuse_next()
        parts = (quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(token.text))
        return _Column(".".join(parts))


_WORDS: dict[str, Value] = {"TRUE": True, "FALSE": False, "NULL": None}
_RESERVED = frozenset(
    ["AND", "OR", "IN", "IS", "BETWEEN", "LIKE", "ILIKE", "CASE", "CAST", "SELECT", "EXISTS"]
)
# What may follow a column elsewhere: `f(x)`, `a LIKE b`, `a - 1`.
_REFUSED = frozenset(["(", "-", "LIKE", "ILIKE", "BETWEEN"])
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _expression(column: _Column) -> "nw.Expr":
    import narwhals as nw

    return nw.col(column.name)
