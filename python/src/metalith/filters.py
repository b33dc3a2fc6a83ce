"""Filters: what rows a call is about.

A filter is an expression of Narwhals or a text of SQL. Both become a text of Metalith's expression
language, which is checked against the columns and evaluated where the rows are.

>>> import narwhals as nw
>>> to_expression((nw.col("confidence") < 0.5) & nw.col("label").is_in(["cat", "dog"]))
"confidence < 0.5 AND label IN ('cat', 'dog')"

What has no equal in that language is refused with its name:

>>> to_expression(nw.col("score") > nw.col("score").mean())
Traceback (most recent call last):
    ...
metalith.errors.FilterError: `mean` looks at more than one row, which a filter cannot do
<BLANKLINE>
hint: compute the value first, and compare with it
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias, cast

import narwhals as nw

from metalith import _sql as sql
from metalith._narwhals import Step, is_expression, steps
from metalith._sql import Part, column, literal, refused
from metalith.errors import FilterError

Filter: TypeAlias = nw.Expr | str
"""A condition on one row."""


def to_expression(filter: Filter) -> str:
    """The text of a filter in Metalith's expression language.

    >>> import narwhals as nw
    >>> to_expression(nw.col("label").is_null() | ~nw.col("label").str.starts_with("it's"))
    "label IS NULL OR NOT starts_with(label, 'it''s')"
    >>> to_expression("confidence < 0.5")
    'confidence < 0.5'
    """
    if is_expression(filter):
        try:
            return _expression(filter).text
        except RecursionError as error:
            raise FilterError(
                "the filter is nested too deeply",
                code="filter.depth",
                hint="join conditions with & or | one after the other",
            ) from error
    text: object = filter
    if not isinstance(text, str):
        raise FilterError(
            f"{sql.named(text)} is no filter",
            code="filter.type",
            hint="write an expression of narwhals, e.g. nw.col('a') > 1, or SQL text",
        )
    if not text.strip():
        raise FilterError(
            "the filter is empty", code="filter.empty", hint="leave it out to mean every row"
        )
    return text.strip()


def to_expressions(filters: Filter | Iterable[Filter] | None) -> list[str]:
    """The texts of one filter, of several that must all hold, or of none.

    >>> to_expressions(None), to_expressions(["a > 1", "b = 2"])
    ([], ['a > 1', 'b = 2'])
    """
    if filters is None:
        return []
    if isinstance(filters, str) or is_expression(filters):
        return [to_expression(filters)]
    if isinstance(filters, Iterable):
        return [to_expression(it) for it in filters]
    return [to_expression(filters)]


def _expression(expression: nw.Expr) -> Part:
    first, *others = steps(expression)
    root = _ROOTS.get(first.name)
    if root is None or not first.per_row:
        raise _unknown(first)
    part = root(first)
    for step in others:
        method = _METHODS.get(step.name)
        if method is None or not step.per_row:
            raise _unknown(step)
        part = method(part, step)
    return part


def _unknown(step: Step) -> FilterError:
    shown = step.name.removeprefix("__").removesuffix("__").lstrip("_")
    if not step.per_row:
        return refused(
            f"`{shown}` looks at more than one row, which a filter cannot do",
            "compute the value first, and compare with it",
        )
    return refused(f"`{shown}` cannot be used in a filter")


def _operand(value: object, step: Step) -> Part:
    if is_expression(value):
        return _expression(value)
    if isinstance(value, str) and not step.texts_are_values:
        return column(value)
    return literal(value)


def _operands(step: Step) -> list[Part]:
    return [_operand(it, step) for it in step.operands]


def _only(step: Step) -> Part:
    """The one operand."""
    _options(step)
    (part,) = _operands(step)
    return part


def _options(step: Step, *names: str) -> list[object]:
    """The options that are expected, in this order; another one might mean anything."""
    unexpected = set(step.options) - set(names)
    if unexpected:
        shown = ", ".join(sorted(unexpected))
        raise refused(f"`{step.name}` with `{shown}` cannot be used in a filter")
    return [step.options.get(name) for name in names]


# What an expression begins with.


def _col(step: Step) -> Part:
    (names,) = _options(step, "names")
    match list(cast("Iterable[object]", names)):
        case [str(name)]:
            return column(name)
        case _:
            raise refused("`col` of several columns cannot be used in a filter", "name one column")


def _lit(step: Step) -> Part:
    value, data_type = _options(step, "value", "dtype")
    part = literal(value)
    return part if data_type is None else sql.cast(part, data_type)


def _when_then(step: Step) -> Part:
    _options(step)
    condition, value, *otherwise = _operands(step)
    return sql.case(condition, value, otherwise[0] if otherwise else None)


def _horizontal(join: Callable[[list[Part]], Part], neutral: bool) -> Callable[[Step], Part]:
    def joined(step: Step) -> Part:
        (ignore_nulls,) = _options(step, "ignore_nulls")
        parts = _operands(step)
        if ignore_nulls:
            parts = [sql.call("coalesce", it, literal(neutral)) for it in parts]
        return join(parts)

    return joined


def _coalesce(step: Step) -> Part:
    _options(step)
    return sql.call("coalesce", *_operands(step))


_ROOTS: dict[str, Callable[[Step], Part]] = {
    "col": _col,
    "lit": _lit,
    "when_then": _when_then,
    "all_horizontal": _horizontal(sql.all_of, True),
    "any_horizontal": _horizontal(sql.any_of, False),
    "coalesce": _coalesce,
}


# What is called on it.


_Method: TypeAlias = Callable[[Part, Step], Part]


def _binary(build: Callable[[Part, Part], Part]) -> _Method:
    return lambda part, step: build(part, _only(step))


def _reversed(build: Callable[[Part, Part], Part]) -> _Method:
    return lambda part, step: build(_only(step), part)


def _unary(build: Callable[[Part], Part]) -> _Method:
    def method(part: Part, step: Step) -> Part:
        _options(step)
        return build(part)

    return method


def _function(name: str) -> _Method:
    """A call with the operands, if there are any, behind the value."""

    def method(part: Part, step: Step) -> Part:
        _options(step)
        return sql.call(name, part, *_operands(step))

    return method


def _date_part(unit: str) -> _Method:
    return _unary(lambda part: sql.call("date_part", literal(unit), part))


def _alias(part: Part, step: Step) -> Part:
    _options(step, "name")
    return part


def _cast(part: Part, step: Step) -> Part:
    (data_type,) = _options(step, "dtype")
    return sql.cast(part, data_type)


def _is_in(part: Part, step: Step) -> Part:
    (other,) = _options(step, "other")
    return sql.is_in(part, [literal(it) for it in _values(other)])


def _values(other: object) -> Iterable[object]:
    for method in ("to_list", "to_pylist", "tolist"):
        listed = getattr(other, method, None)
        if listed is not None:
            return cast("Iterable[object]", listed())
    return cast("Iterable[object]", other)


def _is_between(part: Part, step: Step) -> Part:
    (closed,) = _options(step, "closed")
    low, high = _operands(step)
    match closed:
        case "both":
            return sql.all_of([sql.compare(part, ">=", low), sql.compare(part, "<=", high)])
        case "left":
            return sql.all_of([sql.compare(part, ">=", low), sql.compare(part, "<", high)])
        case "right":
            return sql.all_of([sql.compare(part, ">", low), sql.compare(part, "<=", high)])
        case "none":
            return sql.all_of([sql.compare(part, ">", low), sql.compare(part, "<", high)])
        case _:
            raise refused(f"`is_between` with `closed={closed!r}` cannot be used in a filter")


def _fill_null(part: Part, step: Step) -> Part:
    strategy, limit = _options(step, "strategy", "limit")
    if strategy is not None or limit is not None:
        raise refused("`fill_null` with a strategy cannot be used in a filter", "give a value")
    return sql.call("coalesce", part, *_operands(step))


def _contains(part: Part, step: Step) -> Part:
    (is_literal,) = _options(step, "literal")
    (pattern,) = _operands(step)
    return sql.call("contains" if is_literal else "regexp_like", part, pattern)


def _strip(name: str) -> _Method:
    def method(part: Part, step: Step) -> Part:
        (characters,) = _options(step, "characters")
        return sql.call(name, part, literal(sql.BLANKS if characters is None else characters))

    return method


def _replace_all(part: Part, step: Step) -> Part:
    pattern, is_literal = _options(step, "pattern", "literal")
    (value,) = _operands(step)
    if not is_literal or not isinstance(pattern, str) or not pattern:
        raise refused(
            "`str.replace_all` of a pattern cannot be used in a filter", "pass `literal=True`"
        )
    return sql.call("replace", part, literal(pattern), value)


def _slice(part: Part, step: Step) -> Part:
    match _options(step, "offset", "length"):
        case [int(offset), None] if offset < 0:
            return sql.call("right", part, literal(-offset))
        case [int(offset), None] if offset >= 0:
            return sql.call("substr", part, literal(offset + 1))
        case [int(offset), int(length)] if offset >= 0 and length >= 0:
            return sql.call("substr", part, literal(offset + 1), literal(length))
        case _:
            raise refused("`str.slice` of a length from the end cannot be used in a filter")


_UNITS = {
    "1s": "second",
    "1m": "minute",
    "1h": "hour",
    "1d": "day",
    "1mo": "month",
    "1q": "quarter",
    "1y": "year",
}


def _truncate(part: Part, step: Step) -> Part:
    (every,) = _options(step, "every")
    unit = _UNITS.get(str(every))
    if unit is None:
        raise refused(f"`dt.truncate` to `{every}` cannot be used in a filter")
    return sql.call("date_trunc", literal(unit), part)


_METHODS: dict[str, _Method] = {
    "alias": _alias,
    "cast": _cast,
    "__eq__": _binary(lambda a, b: sql.compare(a, "=", b)),
    "__ne__": _binary(lambda a, b: sql.compare(a, "<>", b)),
    "__lt__": _binary(lambda a, b: sql.compare(a, "<", b)),
    "__le__": _binary(lambda a, b: sql.compare(a, "<=", b)),
    "__gt__": _binary(lambda a, b: sql.compare(a, ">", b)),
    "__ge__": _binary(lambda a, b: sql.compare(a, ">=", b)),
    "__and__": _binary(lambda a, b: sql.all_of([a, b])),
    "__or__": _binary(lambda a, b: sql.any_of([a, b])),
    "__invert__": _unary(sql.negation),
    "__neg__": _unary(sql.negative),
    "__add__": _binary(sql.add),
    "__sub__": _binary(sql.subtract),
    "__rsub__": _reversed(sql.subtract),
    "__mul__": _binary(sql.multiply),
    "__truediv__": _binary(sql.divide),
    "__rtruediv__": _reversed(sql.divide),
    "__floordiv__": _binary(sql.floor_divide),
    "__rfloordiv__": _reversed(sql.floor_divide),
    "__mod__": _binary(sql.floor_remainder),
    "__rmod__": _reversed(sql.floor_remainder),
    "abs": _function("abs"),
    "is_null": _unary(sql.is_null),
    "is_nan": _unary(sql.is_nan),
    "is_finite": _unary(sql.is_finite),
    "is_in": _is_in,
    "is_between": _is_between,
    "fill_null": _fill_null,
    "str.contains": _contains,
    "str.starts_with": _function("starts_with"),
    "str.ends_with": _function("ends_with"),
    "str.len_chars": _function("length"),
    "str.to_lowercase": _function("lower"),
    "str.to_uppercase": _function("upper"),
    "str.strip_chars": _strip("trim"),
    "str.strip_chars_start": _strip("ltrim"),
    "str.strip_chars_end": _strip("rtrim"),
    "str.replace_all": _replace_all,
    "str.slice": _slice,
    "dt.date": _function("date"),
    "dt.year": _function("year"),
    "dt.month": _function("month"),
    "dt.day": _function("day"),
    "dt.hour": _function("hour"),
    "dt.minute": _function("minute"),
    "dt.second": _function("second"),
    "dt.ordinal_day": _date_part("doy"),
    "dt.weekday": _unary(sql.weekday),
    "dt.truncate": _truncate,
    "struct.field": lambda part, step: sql.member(part, *_options(step, "name")),
}
