"""Filters as people write them, and the text that comes of it."""

import datetime as dt
import enum
import math
from collections.abc import Callable
from decimal import Decimal

import narwhals as nw
import narwhals.stable.v1 as nw_v1
import narwhals.stable.v2 as nw_v2
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from narwhals import col

from metalith import _narwhals, _sql
from metalith.errors import FilterError, UnsupportedError
from metalith.filters import to_expression, to_expressions

A_TIME = dt.datetime(2024, 1, 31, 12, 30)
BERLIN = dt.timezone(dt.timedelta(hours=2))


class Label(str, enum.Enum):
    CAT = "cat"


def check(expression: nw.Expr, expected: str) -> None:
    assert to_expression(expression) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('it\'s "new"', "'it''s \"new\"'"),
        ("", "''"),
        (Label.CAT, "'cat'"),
        (5, "5"),
        (-5, "-5"),
        (2**64 - 1, "18446744073709551615"),
        (1.5, "1.5"),
        (-0.0, "0.0"),
        (1e300, "1e+300"),
        (True, "TRUE"),
        (dt.date(900, 1, 31), "DATE '0900-01-31'"),
        (A_TIME, "TIMESTAMP '2024-01-31 12:30:00'"),
        (A_TIME.replace(microsecond=7), "TIMESTAMP '2024-01-31 12:30:00.000007'"),
        (A_TIME.replace(tzinfo=BERLIN), "TIMESTAMP '2024-01-31 10:30:00Z'"),
        (pd.Timestamp("2024-01-31"), "TIMESTAMP '2024-01-31 00:00:00'"),
        (Decimal("-12.50"), "CAST('-12.50' AS DECIMAL(4, 2))"),
        (Decimal("1E+3"), "CAST('1000' AS DECIMAL(4, 0))"),
        (Decimal("0.001"), "CAST('0.001' AS DECIMAL(3, 3))"),
        (np.int8(5), "5"),
        (np.float64(0.5), "0.5"),
        (np.bool_(False), "FALSE"),
        (np.str_("a"), "'a'"),
    ],
)
def test_values_are_written_out(value: object, expected: str) -> None:
    check(col("a") == value, f"a = {expected}")
    check(col("a").is_in([value]), f"a IN ({expected})")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", "a"),
        ("Größe", '"Größe"'),
        ("a b", '"a b"'),
        ("a.b", '"a.b"'),
        ('a"b', '"a""b"'),
        ("select", '"select"'),
        ("Date", '"Date"'),
        ("1st", '"1st"'),
        ("metaxy_deleted_at", "metaxy_deleted_at"),
    ],
)
def test_columns_are_quoted_where_they_must(name: str, expected: str) -> None:
    check(col(name).is_null(), f"{expected} IS NULL")


def test_comparisons_work_both_ways_round() -> None:
    check(col("a") < 5, "a < 5")
    check(5 > col("a"), "a < 5")  # noqa: SIM300
    check(nw.lit(5) > col("a"), "5 > a")
    check(col("a") >= col("b"), "a >= b")
    check((col("a") == 1) != (col("b") == 2), "(a = 1) <> (b = 2)")
    check(col("a") != "x", "a <> 'x'")


def test_conditions_are_joined_with_as_few_parentheses_as_can_be() -> None:
    a, b, c = col("a") > 1, col("b") > 2, col("c")
    check(a & b & c, "a > 1 AND b > 2 AND c")
    check(a & (b & c), "a > 1 AND b > 2 AND c")
    check((a | b) & ~c, "(a > 1 OR b > 2) AND NOT c")
    check(a | (b & c), "a > 1 OR b > 2 AND c")
    check(~(a | b), "NOT (a > 1 OR b > 2)")
    check(nw.all_horizontal(a, "c", ignore_nulls=False), "a > 1 AND c")
    check(
        nw.any_horizontal(a, b, ignore_nulls=True),
        "coalesce(a > 1, FALSE) OR coalesce(b > 2, FALSE)",
    )


def test_a_long_chain_stays_flat() -> None:
    condition = col("a") == 0
    for number in range(1, 300):
        condition = condition | (col("a") == number)
    assert "(" not in to_expression(condition)


def test_nothing_is_compared_as_in_narwhals() -> None:
    unknown = "CASE WHEN a IS NULL THEN CAST(NULL AS BOOLEAN) END"
    check(col("a") == None, unknown)  # noqa: E711
    check(nw.lit(None) != col("a"), unknown)
    check(col("a").is_in([1, None]), "a IN (1)")
    check(~col("a").is_in([1, None]), "NOT a IN (1)")
    check(col("a").is_in([]), "a IS NULL AND NULL")
    check(col("a").is_in([None]), "a IS NULL AND NULL")
    check(col("a").is_null() | ~col("b").is_null(), "a IS NULL OR NOT b IS NULL")
    check(col("a").fill_null(0) == 0, "coalesce(a, 0) = 0")
    check(nw.coalesce("a", "b") == 0, "coalesce(a, b) = 0")


@pytest.mark.parametrize("made", [list, tuple, pl.Series, pa.array, pd.Series, np.array, iter])
def test_lists_come_in_many_forms(made: Callable[[list[int]], object]) -> None:
    check(col("a").is_in(made([1, 2])), "a IN (1, 2)")


def test_between_has_four_kinds_of_ends() -> None:
    check(col("a").is_between(1, 2), "a >= 1 AND a <= 2")
    check(col("a").is_between(1, 2, "left"), "a >= 1 AND a < 2")
    check(col("a").is_between(1, 2, "right"), "a > 1 AND a <= 2")
    check(col("a").is_between(1, col("b"), "none"), "a > 1 AND a < b")
    check(col("a").is_between("low", nw.lit("z")), "a >= low AND a <= 'z'")


def test_texts() -> None:
    text = col("a").str
    check(text.starts_with("x"), "starts_with(a, 'x')")
    check(text.ends_with(col("b")), "ends_with(a, b)")
    check(text.contains("50%", literal=True), "contains(a, '50%')")
    check(text.contains("^a.*b$"), "regexp_like(a, '^a.*b$')")
    check(text.len_chars() > 3, "length(a) > 3")
    check(text.to_lowercase() == "x", "lower(a) = 'x'")
    check(text.to_uppercase() == "X", "upper(a) = 'X'")
    check(text.strip_chars("-") == "x", "trim(a, '-') = 'x'")
    check(text.strip_chars_start("-") == "x", "ltrim(a, '-') = 'x'")
    check(text.strip_chars() == "x", f"trim(a, '{_sql.BLANKS}') = 'x'")
    check(text.replace_all("a", "b", literal=True) == "b", "replace(a, 'a', 'b') = 'b'")
    check(text.head(2) == "ab", "substr(a, 1, 2) = 'ab'")
    check(text.tail(2) == "ab", "right(a, 2) = 'ab'")
    check(text.slice(2) == "ab", "substr(a, 3) = 'ab'")
    check(col("a") + "-" + col("b") == "1-2", "a || '-' || b = '1-2'")
    check(col("a") + col("b").str.to_lowercase() == "x", "a || lower(b) = 'x'")


def test_times() -> None:
    time = col("t").dt
    check(time.year() == 2024, "year(t) = 2024")
    check(time.date() >= dt.date(2024, 1, 31), "date(t) >= DATE '2024-01-31'")
    check(time.ordinal_day() == 1, "date_part('doy', t) = 1")
    check(time.weekday() == 7, "(date_part('dow', t) + 6) % 7 + 1 = 7")
    check(
        time.truncate("1mo") == A_TIME, "date_trunc('month', t) = TIMESTAMP '2024-01-31 12:30:00'"
    )
    check(col("t") + dt.timedelta(days=1) > col("u"), "t + INTERVAL '86400000000 microseconds' > u")


def test_numbers() -> None:
    check((col("a") + 1) * 2 - col("b") > -3, "(a + 1) * 2 - b > -3")
    check(1 - col("a") > 0, "1 - a > 0")
    check(-col("a") > 0, "-a > 0")
    check(-nw.lit(-5) == col("a"), "-(-5) = a")
    check(col("a") - (col("b") - col("c")) > 0, "a - (b - c) > 0")
    check(col("a").abs() > 0, "abs(a) > 0")
    check(col("a") / 2 > 0.5, "CAST(a AS DOUBLE) / 2.0 > 0.5")
    quotient = "1.0 / CAST(a AS DOUBLE)"
    check(
        1 / col("a") > 0,
        f"CASE WHEN {quotient} < CAST('-inf' AS DOUBLE) THEN -({quotient}) ELSE {quotient} END > 0",
    )
    signed = "CASE WHEN a % {0} < CAST('-inf' AS DOUBLE) THEN -(a % {0}) ELSE"
    mod_3 = f"{signed.format(3)} CASE WHEN a % 3 < 0 THEN a % 3 + 3 ELSE a % 3 END END"
    check(col("a") % 3 == 1, f"{mod_3} = 1")
    mod_minus_3 = f"{signed.format(-3)} CASE WHEN a % -3 > 0 THEN a % -3 + -3 ELSE a % -3 END END"
    check(col("a") % -3 == 1, f"{mod_minus_3} = 1")
    check(col("a") // 3 == 1, f"(a - {mod_3}) / 3 = 1")
    check(col("a").cast(nw.Float64) > 0, "CAST(a AS DOUBLE) > 0")
    check(col("a").is_nan(), "CAST(CAST(a AS DOUBLE) AS TEXT) IN ('NaN')")


def test_choices() -> None:
    check(
        nw.when(col("a") > 1, "b").then(nw.lit("x")).otherwise(nw.lit("y")) == "x",
        "CASE WHEN a > 1 AND b THEN 'x' ELSE 'y' END = 'x'",
    )
    check(nw.when(col("a") > 1).then("b"), "CASE WHEN a > 1 THEN b END")
    check(
        nw.when(col("a") > 1).then(1).when(col("a") > 0).then(2).otherwise(3) == 2,
        "CASE WHEN a > 1 THEN 1 ELSE CASE WHEN a > 0 THEN 2 ELSE 3 END END = 2",
    )


def test_members_of_structs() -> None:
    check(col("a").struct.field("b c").struct.field("d") == 1, 'a."b c".d = 1')


def test_every_namespace_of_narwhals_is_understood() -> None:
    for namespace in (nw, nw_v1, nw_v2):
        condition = (namespace.col("a") > 1) & namespace.lit(True)
        check(condition, "a > 1 AND TRUE")
        check(namespace.when(condition).then(1) == 1, "CASE WHEN a > 1 AND TRUE THEN 1 END = 1")


def test_sql_goes_through_as_it_is() -> None:
    assert to_expression(" a LIKE 'x%' ") == "a LIKE 'x%'"


def test_one_filter_or_several_or_none() -> None:
    assert to_expressions(None) == []
    assert to_expressions("a > 1") == ["a > 1"]
    assert to_expressions(col("a") > 1) == ["a > 1"]
    assert to_expressions([col("a") > 1, "b"]) == ["a > 1", "b"]
    with pytest.raises(FilterError, match="a value of type `int` is no filter"):
        to_expressions(5)  # pyright: ignore[reportArgumentType]


def late() -> dt.datetime:
    return dt.datetime(9999, 12, 31, 23, tzinfo=dt.timezone(dt.timedelta(hours=-2)))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (lambda: col("a").sum() > 1, "`sum` looks at more than one row"),
        (lambda: col("a").is_unique(), "`is_unique` looks at more than one row"),
        (lambda: col("a").shift(1) == 1, "`shift` looks at more than one row"),
        (lambda: col("a").sum().over("b") == 1, "`sum` looks at more than one row"),
        (lambda: col("a").fill_null(strategy="forward") == 1, "`fill_null` looks at more"),
        (lambda: nw.len() > 1, "`len` looks at more than one row"),
        (lambda: nw.all() > 1, "`all` cannot"),
        (lambda: nw.nth(0) > 1, "`nth` cannot"),
        (lambda: nw.selectors.numeric() > 1, "cannot be used in a filter"),
        (lambda: col("a", "b") > 1, "`col` of several columns cannot"),
        (lambda: nw.sum_horizontal("a", "b") > 1, "`sum_horizontal` cannot"),
        (lambda: col("a") ** 2 > 1, "`pow` cannot"),
        (lambda: col("a").round(1) > 1, "`round` cannot"),
        (lambda: col("a").map_batches(lambda it: it), "`map_batches` (cannot|looks)"),
        (lambda: col("a").is_close(1.0), "`is_close_float_promote` cannot|cannot be used"),
        (lambda: col("a").list.contains(1), "`list.contains` cannot"),
        (lambda: col("a").str.to_titlecase() == "A", "`str.to_titlecase` cannot"),
        (lambda: col("a").str.slice(-3, 1) == "A", "`str.slice` of a length from the end"),
        (lambda: col("a").str.replace_all("a.", "b") == "A", "`str.replace_all` of a pattern"),
        (lambda: col("a").dt.truncate("2h") == A_TIME, "`dt.truncate` to `2h`"),
        (lambda: col("a").dt.millisecond() == 1, "`dt.millisecond` cannot"),
        (lambda: col("a").cast(nw.String) == "1", "`cast` to `String` cannot"),
        (lambda: col("a").cast(nw.Int8) == 1, "`cast` to `Int8` cannot"),
        (lambda: col("a") % col("b") == 1, "`%` by anything but a whole number other than 0"),
        (lambda: col("a") // 0 == 1, "`//` by anything but a whole number other than 0"),
        (lambda: col("a") == b"x", "a value of type `bytes` cannot be written"),
        (lambda: col("a") == dt.time(1), "a value of type `datetime.time` cannot be written"),
        (lambda: col("a") == [1], "a value of type `list` cannot be written"),
        (lambda: col("a") == -math.nan, "the float `nan` cannot.*\n.*hint: use `is_nan"),
        (lambda: col("a") < math.inf, "the float `inf` cannot"),
        (lambda: col("a").is_in([1.0, math.nan]), "the float `nan` cannot"),
        (lambda: col("a") == Decimal("NaN"), "the decimal `NaN` cannot"),
        (lambda: col("a") == Decimal(10) ** 40, "has more than 38 digits"),
        (lambda: col("a") == 2**64, "does not fit into 64 bits"),
        (lambda: col("a") == pd.NaT, "`NaT` cannot"),
        (lambda: col("a") == pd.Timestamp(1), "finer than a microsecond"),
        (lambda: col("a") == np.datetime64("2024-01-31"), "a value of type `numpy.datetime64`"),
        (lambda: col("a") == late(), "out of range in UTC"),
        (lambda: col("a") == "\ud800", "half a character"),
        (lambda: col("a") - col("b") > dt.timedelta(1), "a timedelta can only be added"),
        (lambda: col("a") == nw.from_native(pl.Series([1]), series_only=True), "`narwhals.Series`"),
        (lambda: pl.col("a") > 1, "a value of type `polars.Expr` is no filter"),
        (lambda: True, "a value of type `bool` is no filter"),
        (lambda: " ", "the filter is empty"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(
    expression: Callable[[], nw.Expr], message: str
) -> None:
    with pytest.raises(FilterError, match=f"(?s){message}"):
        to_expression(expression())


def test_a_filter_that_doubles_at_each_level_is_refused() -> None:
    value = col("a")
    for _ in range(40):
        value = value % 2
    with pytest.raises(FilterError, match="the filter is too long"):
        to_expression(value == 1)


def test_a_filter_that_nests_without_end_is_refused() -> None:
    value = col("a") > 1
    for _ in range(5000):
        value = nw.when(value).then(value)
    with pytest.raises(FilterError, match=r"nested too deeply|too long"):
        to_expression(value)


def test_narwhals_still_keeps_expressions_as_we_read_them() -> None:
    """When this fails, look at `_narwhals.py`: Narwhals has changed what it does not publish."""
    step = _narwhals.Step
    inner = col("b") > 1
    (c, compared, joined) = _narwhals.steps((col("a") == "x") & inner)
    assert c == step("col", True, (), False, {"names": ["a"]})
    assert compared == step("__eq__", True, ("x",), True, {})
    assert (joined.name, joined.per_row, joined.options) == ("__and__", True, {})
    assert joined.operands[0] is inner

    def last(expression: nw.Expr) -> _narwhals.Step:
        return _narwhals.steps(expression)[-1]

    assert last(nw.lit(1)) == step("lit", True, (), False, {"value": 1, "dtype": None})
    assert last(col("a").is_in((1, None))) == step("is_in", True, (), False, {"other": (1, None)})
    assert last(col("a").is_between("b", 2)) == step(
        "is_between", True, ("b", 2), False, {"closed": "both"}
    )
    assert last(col("a").str.contains("x")) == step(
        "str.contains", True, ("x",), True, {"literal": False}
    )
    assert last(col("a").fill_null(1)) == step(
        "fill_null", True, (1,), True, {"strategy": None, "limit": None}
    )
    assert last(col("a").cast(nw.Int64)) == step("cast", True, (), False, {"dtype": nw.Int64})
    assert last(nw.coalesce("a", "b")) == step("coalesce", True, ("a", "b"), False, {})
    assert not last(col("a").max()).per_row
    assert not last(col("a").cum_sum()).per_row
    chosen = last(nw.when(inner).then(1).otherwise("c"))
    assert (chosen.name, chosen.operands[1:], chosen.texts_are_values) == (
        "when_then",
        (1, "c"),
        False,
    )
    condition = chosen.operands[0]
    assert _narwhals.is_expression(condition)
    assert last(condition) == step("all_horizontal", True, (inner,), False, {"ignore_nulls": False})


def test_another_narwhals_is_noticed_where_it_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    expression = col("a") > 1
    monkeypatch.setattr(nw.Expr, "_nodes", property(lambda _: [object()]), raising=False)
    with pytest.raises(UnsupportedError, match="keeps expressions in a way that is not known"):
        to_expression(nw.Expr.__new__(type(expression)))
