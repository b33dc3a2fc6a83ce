"""Random filters over random rows: Narwhals on Polars and the engine agree on every row.

The engine sees the rows through a store in memory, as a caller of `read` would.
"""

import datetime as dt
import json
from decimal import Decimal

import hypothesis.strategies as st
import narwhals as nw
import polars as pl
import pytest
from hypothesis import given, settings
from narwhals import col

from metalith import _metalith
from metalith.errors import FilterError, MetalithError
from metalith.filters import to_expression

FEATURE = "sample"
GRAPH = _metalith.Graph(
    json.dumps(
        [
            {
                "project": "tests",
                "spec": {
                    "key": FEATURE,
                    "id_columns": ["id"],
                    "fields": [{"key": "x", "code_version": "1"}],
                },
            }
        ]
    )
)
SCHEMA = {
    "id": pl.Int64,
    "i": pl.Int64,
    "j": pl.Int64,
    "f": pl.Float64,
    "s": pl.String,
    "u": pl.String,
    "b": pl.Boolean,
    "d": pl.Date,
    "t": pl.Datetime("us"),
    "z": pl.Datetime("us", "UTC"),
    "m": pl.Decimal(10, 2),
}


def read(rows: pl.DataFrame, *filters: str) -> list[int]:
    """The ids of the rows that the engine finds."""
    store = _metalith.Store.open(_metalith.Place.memory(), mode="write")
    provenance = pl.struct(pl.lit("1").alias("x")).alias("metaxy_provenance_by_field")
    store.write(GRAPH, FEATURE, rows.with_columns(provenance))
    found = store.read(GRAPH, FEATURE, filters=list(filters), columns=["id"])
    return sorted(pl.DataFrame(found)["id"].to_list())


def check(rows: pl.DataFrame, condition: nw.Expr) -> None:
    """The condition holds for the same rows here and there, and so does its opposite."""
    text = to_expression(condition)
    for expression, shown in ((condition, text), (~condition, f"NOT ({text})")):
        expected = nw.from_native(rows).filter(expression)["id"].to_list()
        assert read(rows, shown) == sorted(expected), shown
        assert read(rows, to_expression(expression)) == sorted(expected)


TEXTS = st.text(st.sampled_from("aAbß%_' é\n"), max_size=4)
INTEGERS = st.integers(-5, 5) | st.sampled_from([2**53 + 1, -(2**40)])
FLOATS = st.sampled_from([-1.5, -0.5, 0.0, 0.1, 1.0, 2.0, 3.5, 1e300])
DAYS = st.dates(dt.date(2023, 12, 28), dt.date(2024, 3, 3))
TIMES = st.datetimes(dt.datetime(2023, 12, 30), dt.datetime(2024, 3, 1))
DECIMALS = st.decimals(-9, 9, places=2)
COLUMNS: dict[str, st.SearchStrategy[object]] = {
    "i": INTEGERS,
    "j": INTEGERS,
    "f": FLOATS | st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    "s": TEXTS,
    "u": TEXTS,
    "b": st.booleans(),
    "d": DAYS,
    "t": TIMES,
    "z": TIMES.map(lambda it: it.replace(tzinfo=dt.timezone.utc)),
    "m": DECIMALS,
}


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    count = draw(st.integers(1, 6))
    columns: dict[str, list[object]] = {"id": list(range(count))}
    for name, values in COLUMNS.items():
        columns[name] = draw(st.lists(st.none() | values, min_size=count, max_size=count))
    return pl.DataFrame(columns, schema=SCHEMA)


def compared(left: nw.Expr, right: object, operator: str) -> nw.Expr:
    return getattr(left, operator)(right)


OPERATORS = st.sampled_from(["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"])
NAMES = {
    "number": (["i", "j"], INTEGERS),
    "float": (["f"], FLOATS),
    "text": (["s", "u"], TEXTS),
    "day": (["d"], DAYS),
    "time": (["t"], TIMES),
    "zoned": (["z"], TIMES.map(lambda it: it.replace(tzinfo=dt.timezone(dt.timedelta(hours=2))))),
    "decimal": (["m"], DECIMALS),
}

# Polars counts in narrow integers and overflows; the engine has one width.
counts = st.sampled_from(
    [
        col("s").str.len_chars(),
        col("t").dt.year(),
        col("d").dt.month(),
        col("t").dt.day(),
        col("z").dt.hour(),
        col("t").dt.minute(),
        col("z").dt.second(),
        col("d").dt.weekday(),
        col("t").dt.weekday(),
        col("t").dt.ordinal_day(),
    ]
).map(lambda it: it.cast(nw.Int64))
integers = st.recursive(
    st.sampled_from([col("i"), col("j")]) | counts,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a - b, inner, st.integers(-9, 9)),
        st.builds(lambda a, b: b - a, inner, st.integers(-9, 9)),
        st.builds(lambda a, b: a * b, inner, st.integers(-3, 3)),
        st.builds(lambda a, b: a % b, inner, st.sampled_from([2, 3, -2, -3])),
        st.builds(lambda a, b: a // b, inner, st.sampled_from([2, 3, -2, -3])),
        st.builds(lambda a: -a, inner),
        st.builds(lambda a: a.abs(), inner),
        st.builds(lambda a, b: a.fill_null(b), inner, st.integers(-9, 9)),
        st.builds(
            lambda a, b, c: nw.when(a > 0).then(b).otherwise(c), inner, inner, st.integers(-9, 9)
        ),
        st.builds(nw.coalesce, inner, inner),
    ),
    max_leaves=4,
)
floats = st.one_of(
    st.just(col("f")),
    st.builds(lambda a, b: a / b, integers, st.sampled_from([2, 4, 0, -8])),
    st.builds(lambda a, b: a / b, integers, integers),
    st.builds(lambda a: a.cast(nw.Float64), integers),
    st.just(col("f") + 1),
    st.just(col("f") * 2.0),
    st.just(col("f") % 2),
)
texts = st.recursive(
    st.sampled_from([col("s"), col("u")]),
    lambda inner: st.one_of(
        st.builds(lambda a: a.str.to_lowercase(), inner),
        st.builds(lambda a: a.str.to_uppercase(), inner),
        st.builds(lambda a: a.str.strip_chars(), inner),
        st.builds(lambda a: a.str.strip_chars_start("a"), inner),
        st.builds(lambda a: a.str.strip_chars_end("'b"), inner),
        st.builds(lambda a, b, c: a.str.slice(b, c), inner, st.integers(0, 3), st.integers(0, 3)),
        st.builds(lambda a, b: a.str.tail(b), inner, st.integers(0, 5)),
        st.builds(lambda a: a.str.replace_all("a", "ß'", literal=True), inner),
        st.builds(lambda a, b: a + b, inner, TEXTS),
    ),
    max_leaves=3,
)
times = st.one_of(
    st.sampled_from([col("t"), col("d"), col("t").dt.date()]),
    st.builds(
        col("t").dt.truncate,
        st.sampled_from(["1s", "1m", "1h", "1d", "1mo", "1q", "1y"]),
    ),
    st.builds(lambda days: col("d") + dt.timedelta(days=days), st.integers(-40, 40)),
    st.builds(lambda span: col("t") - span, st.timedeltas(dt.timedelta(-9), dt.timedelta(9))),
)


def in_list(kind: str) -> st.SearchStrategy[nw.Expr]:
    names, values = NAMES[kind]
    listed = st.lists(st.none() | values, max_size=3).filter(lambda it: set(it) != {None})
    return st.builds(lambda name, other: col(name).is_in(other), st.sampled_from(names), listed)


def between(kind: str) -> st.SearchStrategy[nw.Expr]:
    names, values = NAMES[kind]
    return st.builds(
        lambda name, low, high, closed: col(name).is_between(low, nw.lit(high), closed),
        st.sampled_from(names),
        values.map(nw.lit),
        values,
        st.sampled_from(["both", "left", "right", "none"]),
    )


def by_literal(kind: str) -> st.SearchStrategy[nw.Expr]:
    names, values = NAMES[kind]
    return st.builds(compared, st.sampled_from(names).map(col), values, OPERATORS)


leaves = st.one_of(
    *(make(kind) for kind in NAMES for make in (by_literal, between, in_list)),
    st.builds(compared, integers, integers | st.integers(-9, 9), OPERATORS),
    st.builds(compared, floats, floats | FLOATS | integers, OPERATORS),
    st.builds(compared, texts, texts | TEXTS, OPERATORS),
    st.builds(compared, times, times | TIMES | DAYS, OPERATORS),
    st.builds(lambda a: a.is_null(), integers | floats | texts | times),
    st.builds(lambda a, b: a.str.starts_with(b), texts, TEXTS),
    st.builds(lambda a: a.str.ends_with(col("u")), texts),
    st.builds(lambda a, b: a.str.contains(b, literal=True), texts, TEXTS),
    st.builds(
        lambda a, b: a.str.contains(b), texts, st.sampled_from(["^a", "b$", "[ab]+", ".", "(?i)A"])
    ),
    st.builds(lambda a: a.is_nan(), floats),
    st.builds(lambda a: a.is_finite(), floats),
    st.sampled_from([col("b"), col("b") == True, col("b") != False]),  # noqa: E712
    st.builds(lambda name: col(name) == None, st.sampled_from(list(COLUMNS))),  # noqa: E711
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
        st.builds(lambda a, b: nw.any_horizontal(a, b, ignore_nulls=True), inner, inner),
        st.builds(lambda a, b: nw.all_horizontal(a, b, ignore_nulls=False), inner, inner),
        st.builds(lambda a, b: nw.when(a).then(b).otherwise(~b), inner, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=250, deadline=None)
@given(rows=frames(), condition=conditions)
def test_random_filters_agree(rows: pl.DataFrame, condition: nw.Expr) -> None:
    check(rows, condition)


ONE_OF_EACH = pl.DataFrame(
    {
        "id": [0, 1, 2],
        "i": [1, 2, None],
        "j": [-7, 7, None],
        "f": [float("nan"), -0.0, None],
        "s": ["", "ß", None],
        "u": ["a%", "a_", None],
        "b": [True, False, None],
        "d": [dt.date(2024, 2, 29), dt.date(1, 1, 1), None],
        "t": [dt.datetime(2024, 2, 29, 23, 59, 59, 999_999), dt.datetime(1969, 12, 31), None],
        "z": [dt.datetime(2024, 1, 1, tzinfo=dt.timezone.utc)] * 2 + [None],
        "m": [Decimal("0.10"), Decimal("-1.00"), None],
    },
    schema=SCHEMA,
)


@pytest.mark.parametrize(
    "condition",
    [
        col("i").is_in([]),
        col("i").is_in([None]),
        col("i").is_in([1, None]),
        col("i") == None,  # noqa: E711
        col("b") & nw.lit(True),
        col("f").is_nan(),
        col("f").is_finite(),
        col("f") == 0.0,
        0 / col("f") > 1,
        col("j") % 2 == 1,
        col("j") // 2 == -4,
        col("i") / 0 > 1,
        col("m") == Decimal("0.1"),
        col("m") * 2 > Decimal("-1.5"),
        col("f") < Decimal("0.5"),
        col("i") > Decimal("1.5"),
        col("d") < dt.date(1000, 1, 1),
        col("t") >= dt.datetime(2024, 2, 29, 23, 59, 59, 999_999),
        col("t").dt.date() == dt.date(2024, 2, 29),
        col("s").str.to_uppercase() == "SS",
        col("u").str.contains("%", literal=True),
        col("z") == dt.datetime(2024, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
    ids=str,
)
def test_the_rare_cases_agree(condition: nw.Expr) -> None:
    check(ONE_OF_EACH, condition)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (col("nope") == 1, "unknown column `nope`"),
        (col("nope") == None, "unknown column `nope`"),  # noqa: E711
        (col("i") == "1", "cannot compare"),
        (col("s") > 1, "cannot compare"),
        (col("s") + col("u") == "a", "cannot add"),
        (~col("i"), "a boolean"),
        (col("i") & col("j"), "a boolean"),
        (col("s"), "a boolean"),
    ],
    ids=str,
)
def test_what_the_columns_do_not_allow_is_refused_by_the_engine(
    condition: nw.Expr, message: str
) -> None:
    with pytest.raises(FilterError, match=message):
        read(ONE_OF_EACH, to_expression(condition))


MANY = 1500


@pytest.mark.parametrize(
    ("conditions", "same"),
    [
        ([f"i <> {number}" for number in range(MANY)], ~col("i").is_between(0, MANY)),
        ([" AND ".join(f"i <> {it}" for it in range(MANY))], ~col("i").is_between(0, MANY)),
        ([" OR ".join(f"i = {it}" for it in range(MANY))], col("i").is_between(0, MANY)),
        (
            ["NOT (" + " AND ".join(f"i <> {it}" for it in range(MANY)) + ")"],
            col("i").is_between(0, MANY),
        ),
    ],
    ids=["list", "and", "or", "not"],
)
def test_a_thousand_conditions_are_as_good_as_one(conditions: list[str], same: nw.Expr) -> None:
    rows = ONE_OF_EACH
    expected = nw.from_native(rows).filter(same)["id"].to_list()
    assert read(rows, *conditions) == sorted(expected)


def test_a_filter_that_nests_too_deeply_is_refused() -> None:
    value = col("i")
    for _ in range(200):
        value = -value
    with pytest.raises(MetalithError, match="deeply"):
        read(ONE_OF_EACH, to_expression(value > 0))
