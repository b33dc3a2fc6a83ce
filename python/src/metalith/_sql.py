"""Text of Metalith's expression language, put together from parts.

Parts know how strongly they bind, so that parentheses stand where they must and nowhere else.
"""

import datetime as dt
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import narwhals as nw

from metalith.errors import FilterError

_OR, _AND, _NOT, _IS, _COMPARE, _CONCAT, _ADD, _MULTIPLY, _SIGN, _CLOSED = range(10)

LONGEST = 1 << 20
"""What the engine reads at most."""

BLANKS = (
    " \t\n\x0b\x0c\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""What Unicode calls white space; SQL's `trim` alone takes spaces only."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = re.compile(
    "alter|analyze|and|attach|begin|between|call|case|cast|comment|commit|copy|create|"
    "current_date|current_timestamp|date|delete|describe|detach|distinct|drop|else|end|exec|"
    "execute|exists|explain|extract|false|filter|from|grant|group|having|ilike|in|insert|"
    "install|interval|is|join|like|limit|load|merge|not|null|or|order|over|position|pragma|"
    "revoke|rollback|select|set|show|then|timestamp|timestamptz|true|truncate|union|update|"
    "use|vacuum|values|when|where|with"
)
"""Words that mean something in one place or another; a column of such a name is quoted."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text, and how strongly it binds."""

    text: str
    strength: int = _CLOSED
    names: tuple[str, ...] = ()
    """Of a column, its names: its own, then those of members."""
    value: object = ...
    """Of a literal, what was written."""
    is_text: bool = False
    """Whether it is known to be text."""

    def __post_init__(self) -> None:
        # A part may occur twice in a larger one, which doubles with each level.
        if len(self.text) > LONGEST:
            raise refused("the filter is too long", "join against a frame of the ids instead")

    def at(self, strength: int) -> str:
        """The text as an operand of something that binds so strongly."""
        return self.text if self.strength >= strength else f"({self.text})"

    @property
    def is_null(self) -> bool:
        return self.value is None


def refused(message: str, hint: str | None = None) -> FilterError:
    """What to raise for what has no equal."""
    return FilterError(message, code="filter.unsupported", hint=hint)


def named(value: object) -> str:
    """The type of a value, for a message."""
    cls = type(value)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__.partition('.')[0]}."
    return f"a value of type `{module}{cls.__qualname__}`"


def column(name: str) -> Part:
    """A column by its name.

    >>> column("label").text, column("select").text, column("2nd").text
    ('label', '"select"', '"2nd"')
    """
    return Part(_name(name), names=(name,))


def member(struct: Part, name: object) -> Part:
    """A member of a column of structs."""
    if not struct.names or not isinstance(name, str):
        raise refused("`struct.field` of anything but a column cannot be used in a filter")
    return Part(f"{struct.text}.{_name(name)}", names=(*struct.names, name))


def _name(name: str) -> str:
    if _PLAIN.fullmatch(name) and not _WORDS.fullmatch(name.lower()):
        return name
    if not name:
        raise refused("a column without a name cannot be used in a filter")
    return _quoted(name, '"')


def _quoted(text: str, quote: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise refused(f"{text!r} is no text: it has half a character in it") from error
    return f"{quote}{text.replace(quote, quote * 2)}{quote}"


def literal(value: object) -> Part:
    """A value written out.

    >>> literal("it's").text, literal(None).text, literal(dt.date(2024, 1, 31)).text
    ("'it''s'", 'NULL', "DATE '2024-01-31'")
    """
    match value:
        case None:
            return Part("NULL", value=None)
        case bool():
            return Part("TRUE" if value else "FALSE", value=value)
        case int():
            return _integer(int(value))
        case float():
            return _float(float(value))
        case str():
            text = str.__str__(value)
            return Part(_quoted(text, "'"), value=text, is_text=True)
        case Decimal():
            return _decimal(value)
        case dt.datetime():
            return _timestamp(value)
        case dt.date():
            return Part(f"DATE '{value.isoformat()}'", value=value)
        case dt.timedelta():
            return _interval(value)
        case _:
            return _foreign(value)


def _foreign(value: object) -> Part:
    """Of numpy's scalars those that are Python's, too."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    item = getattr(value, "item", None)
    if kind in ("b", "i", "u", "f", "U") and getattr(value, "shape", None) == () and item:
        return literal(item())
    raise refused(f"{named(value)} cannot be written in a filter")


def _integer(value: int) -> Part:
    if not -(2**63) <= value < 2**64:
        raise refused(f"the integer `{value}` does not fit into 64 bits")
    return Part(str(value), _CLOSED if value >= 0 else _SIGN, value=value)


def _float(value: float) -> Part:
    if not math.isfinite(value):
        hint = "use `is_nan()`" if math.isnan(value) else "use `is_finite()`"
        raise refused(f"the float `{value}` cannot be written in a filter", hint)
    # The engine tells the two zeros apart, which nobody else does.
    return Part(repr(value + 0.0), _CLOSED if value >= 0 else _SIGN, value=value)


def _decimal(value: Decimal) -> Part:
    if not value.is_finite():
        raise refused(f"the decimal `{value}` cannot be written in a filter")
    text = f"{value:f}"
    whole, _, fraction = text.lstrip("-").partition(".")
    digits = len(whole.lstrip("0")) + len(fraction)
    if digits > 38:
        raise refused(f"the decimal `{value}` has more than 38 digits")
    return Part(f"CAST('{text}' AS DECIMAL({max(digits, 1)}, {len(fraction)}))", value=value)


def _timestamp(value: dt.datetime) -> Part:
    if str(value) == "NaT":
        raise refused("`NaT` cannot be written in a filter", "use `is_null()`")
    if getattr(value, "nanosecond", 0):
        raise refused(f"`{value}` is finer than a microsecond", "round it to microseconds")
    zone = ""
    if value.utcoffset() is not None:
        try:
            value, zone = value.astimezone(dt.timezone.utc), "Z"
        except OverflowError as error:
            raise refused(f"`{value}` is out of range in UTC") from error
    fraction = f".{value.microsecond:06}" if value.microsecond else ""
    text = f"{value.year:04}-{value:%m-%d %H:%M:%S}{fraction}{zone}"
    return Part(f"TIMESTAMP '{text}'", value=value)


def _interval(value: dt.timedelta) -> Part:
    # Days would follow the calendar of a zone; the same time in microseconds does not.
    return Part(f"INTERVAL '{value // dt.timedelta(microseconds=1)} microseconds'", value=value)


def all_of(parts: Sequence[Part]) -> Part:
    """All hold."""
    return _joined(parts, " AND ", _AND)


def any_of(parts: Sequence[Part]) -> Part:
    """One holds."""
    return _joined(parts, " OR ", _OR)


def _joined(parts: Sequence[Part], between: str, strength: int) -> Part:
    for part in parts:
        _no_interval(part)
    if len(parts) == 1:
        return parts[0]
    return Part(between.join(it.at(strength) for it in parts), strength)


def negation(part: Part) -> Part:
    """Does not hold."""
    return Part(f"NOT {part.at(_NOT)}", _NOT)


def is_null(part: Part) -> Part:
    """Has no value."""
    return Part(f"{part.at(_COMPARE + 1)} IS NULL", _IS)


def compare(left: Part, operator: str, right: Part) -> Part:
    """A comparison; with nothing it has no result, as in Narwhals."""
    _no_interval(left, right)
    if left.is_null or right.is_null:
        value = left if right.is_null else right
        # The value stays, so that a column that does not exist is still noticed.
        return Part(f"CASE WHEN {is_null(value).text} THEN CAST(NULL AS BOOLEAN) END")
    return Part(f"{left.at(_COMPARE + 1)} {operator} {right.at(_COMPARE + 1)}", _COMPARE)


def is_in(part: Part, values: Sequence[Part]) -> Part:
    """Equals one of the values; nothing equals nothing, and does not hide what is not there."""
    _no_interval(part, *values)
    values = [it for it in values if not it.is_null]
    if not values:
        # False, or without a result where the value is missing.
        return Part(f"{is_null(part).text} AND NULL", _AND)
    if part.is_null:
        return compare(part, "=", values[0])
    listed = ", ".join(it.text for it in values)
    return Part(f"{part.at(_COMPARE + 1)} IN ({listed})", _COMPARE)


def case(condition: Part, value: Part, otherwise: Part | None) -> Part:
    """One value where a condition holds, else another one."""
    for part in (condition, value, otherwise):
        if part is not None:
            _no_interval(part)
    rest = "" if otherwise is None else f" ELSE {otherwise.text}"
    return Part(f"CASE WHEN {condition.text} THEN {value.text}{rest} END")


def call(function: str, *arguments: Part) -> Part:
    """A call."""
    _no_interval(*arguments)
    text = f"{function}({', '.join(it.text for it in arguments)})"
    return Part(text, is_text=function in _OF_TEXT)


_OF_TEXT = frozenset(["lower", "upper", "trim", "ltrim", "rtrim", "replace", "right", "substr"])
"""Functions that give text."""


def negative(part: Part) -> Part:
    """The number with the other sign."""
    _no_interval(part)
    return Part(f"-{part.at(_CLOSED)}", _SIGN)


def add(left: Part, right: Part) -> Part:
    """A sum, or texts one after the other."""
    if left.is_text or right.is_text:
        return replace(_operation(left, "||", right, _CONCAT), is_text=True)
    if isinstance(left.value, dt.timedelta):
        left, right = right, left
    return _operation(left, "+", right, _ADD, takes_interval=True)


def subtract(left: Part, right: Part) -> Part:
    """A difference."""
    return _operation(left, "-", right, _ADD, takes_interval=True)


def multiply(left: Part, right: Part) -> Part:
    """A product."""
    return _operation(left, "*", right, _MULTIPLY)


def divide(left: Part, right: Part) -> Part:
    """A quotient with a fraction, of integers too."""
    quotient = _operation(_as_float(left), "/", _as_float(right), _MULTIPLY)
    if _is_number(right) and right.value:
        return quotient
    return _unsigned_nan(quotient)


def _unsigned_nan(part: Part, otherwise: Part | None = None) -> Part:
    """A number that may be NaN with a sign, as most machines make it of zero by zero: to the engine
    that is less than all numbers, to everybody else NaN is more."""
    is_signed = Part(f"{part.at(_COMPARE + 1)} < CAST('-inf' AS DOUBLE)", _COMPARE)
    return case(is_signed, negative(part), otherwise or part)


def _as_float(part: Part) -> Part:
    _no_interval(part)
    if isinstance(part.value, (int, float)) and _is_number(part) and part.value:
        return _float(float(part.value))
    # A zero too: a division by it is an infinity then, not an error.
    return Part(f"CAST({part.text} AS DOUBLE)")


def _is_number(part: Part) -> bool:
    return isinstance(part.value, (int, float)) and not isinstance(part.value, bool)


def floor_remainder(left: Part, right: Part) -> Part:
    """The remainder with the sign of the divisor; SQL's has that of the dividend."""
    divisor = _divisor(right, "%")
    remainder = _operation(left, "%", right, _MULTIPLY)
    is_off = compare(remainder, "<" if divisor > 0 else ">", literal(0))
    return _unsigned_nan(remainder, case(is_off, add(remainder, right), remainder))


def floor_divide(left: Part, right: Part) -> Part:
    """The integer below the quotient."""
    _divisor(right, "//")
    whole = subtract(left, floor_remainder(left, right))
    return _operation(whole, "/", right, _MULTIPLY)


def _divisor(part: Part, operator: str) -> int:
    value = part.value
    if isinstance(value, bool) or not isinstance(value, int) or value == 0:
        raise refused(
            f"`{operator}` by anything but a whole number other than 0 cannot be used in a filter"
        )
    return value


def _operation(
    left: Part, operator: str, right: Part, strength: int, *, takes_interval: bool = False
) -> Part:
    _no_interval(left)
    if not takes_interval:
        _no_interval(right)
    return Part(f"{left.at(strength)} {operator} {right.at(strength + 1)}", strength)


def _no_interval(*parts: Part) -> None:
    for part in parts:
        if isinstance(part.value, dt.timedelta):
            raise refused(
                "a timedelta can only be added to a time or subtracted from one",
                "compare the time itself, e.g. nw.col('at') > start + timedelta(days=1)",
            )


def weekday(part: Part) -> Part:
    """Monday is 1, Sunday is 7; for SQL Sunday is 0."""
    sunday = call("date_part", literal("dow"), part)
    return add(_operation(add(sunday, literal(6)), "%", literal(7), _MULTIPLY), literal(1))


def is_nan(part: Part) -> Part:
    """Is a float, but no number. There are several of them, and no two compare as equal."""
    return is_in(_float_text(part), [literal("NaN")])


def is_finite(part: Part) -> Part:
    """Is a number, and no infinity."""
    return negation(is_in(_float_text(part), [literal(it) for it in ("NaN", "inf", "-inf")]))


def _float_text(part: Part) -> Part:
    _no_interval(part)
    return Part(f"CAST(CAST({part.text} AS DOUBLE) AS TEXT)")


_CASTS = {
    "Boolean": "BOOLEAN",
    "Int64": "BIGINT",
    "UInt64": "UBIGINT",
    "Float64": "DOUBLE",
    "Date": "DATE",
}


def cast(part: Part, data_type: object) -> Part:
    """A conversion, where everybody converts alike: widths and forms of text differ."""
    _no_interval(part)
    cls = data_type if isinstance(data_type, type) else type(data_type)
    name = cls.__name__
    if isinstance(part.value, str) and name in ("String", "Categorical", "Enum"):
        return part
    if isinstance(part.value, dt.datetime) and name == "Datetime":
        return part
    if issubclass(cls, nw.dtypes.DType) and name in _CASTS:
        return Part(f"CAST({part.text} AS {_CASTS[name]})")
    known = ", ".join(_CASTS)
    raise refused(f"`cast` to `{name}` cannot be used in a filter", f"cast to one of {known}")
