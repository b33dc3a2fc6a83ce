"""How Narwhals keeps an expression: the one place that knows.

Narwhals does not publish the inside of `nw.Expr`. Since 2.13 an expression is a chain of nodes: the
first one makes a column (`col`, `lit`, …), each further one is called on what came before.
`tests/test_filters.py` compares these steps with what is written there, so that a version of
Narwhals that keeps them otherwise is noticed there first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard, TypeVar, cast

import narwhals as nw

from metalith.errors import UnsupportedError

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Step:
    """One call within an expression."""

    name: str
    """`col`, `__eq__`, `str.starts_with`, …"""
    per_row: bool
    """Whether a row's result depends on that row alone."""
    operands: tuple[object, ...]
    """Arguments that may themselves be expressions."""
    texts_are_values: bool
    """Whether a text among the operands is a value; else it names a column."""
    options: Mapping[str, object]
    """All other arguments."""


def is_expression(value: object) -> TypeGuard["nw.Expr"]:
    """Whether a value is an expression of any of Narwhals' namespaces.

    >>> is_expression(nw.col("a") > 1), is_expression("a > 1")
    (True, False)
    """
    return isinstance(value, nw.Expr)


def steps(expression: nw.Expr) -> tuple[Step, ...]:
    """The calls that make up an expression, the first one first.

    >>> [step.name for step in steps(nw.col("a").str.to_lowercase() == "x")]
    ['col', 'str.to_lowercase', '__eq__']
    """
    try:
        nodes = cast("Iterable[object]", getattr(expression, "_nodes"))  # noqa: B009
        return tuple(_step(node) for node in nodes)
    except (AttributeError, TypeError) as error:
        raise UnsupportedError(
            f"narwhals {nw.__version__} keeps expressions in a way that is not known here",
            code="filter.narwhals",
            hint="write the filter as SQL text, or install another version of narwhals",
        ) from error


# These were options before they could be expressions.
_ONCE_OPTIONS = {
    "str.starts_with": "prefix",
    "str.ends_with": "suffix",
    "str.contains": "pattern",
    "str.replace_all": "value",
}


def _step(node: object) -> Step:
    kind = getattr(node, "kind")  # noqa: B009
    name = _typed(node, "name", str)
    operands = tuple(cast("Iterable[object]", getattr(node, "exprs")))  # noqa: B009
    texts_are_values = _typed(node, "str_as_lit", bool)
    options = dict(cast("Mapping[str, object]", _typed(node, "kwargs", dict)))
    option = _ONCE_OPTIONS.get(name)
    if not operands and option in options:
        operands, texts_are_values = (options.pop(option),), True
    return Step(
        name=name,
        per_row=_typed(kind, "is_elementwise", bool) or _typed(kind, "name", str) == "LITERAL",
        operands=operands,
        texts_are_values=texts_are_values,
        options=options,
    )


def _typed(owner: object, name: str, wanted: type[_T]) -> _T:
    value = getattr(owner, name)
    if not isinstance(value, wanted):
        raise TypeError(name)
    return value
