"""Filters in text on frames: the same rows as a store finds."""

import narwhals as nw
import polars as pl
import pytest

import metalith as ml
from metalith.errors import FilterError
from metalith.filter_text import to_narwhals

ROWS = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "size": [1, -2, 3, None],
        "score": [0.5, 1.5, None, 100.0],
        "ok": [True, False, None, True],
        "label": ["cat", "it's", None, "dog"],
        "a.b": [1, 2, 3, 4],
        "metaxy_provenance_by_field": [{"default": it} for it in "abcd"],
    }
)

AGREE = [
    "size > 1",
    "1 < size",
    "size = -2 OR score >= 1e2",
    "size <> 1 AND NOT ok",
    "label = 'it''s'",
    "label IN ('cat', 'dog')",
    "label NOT IN ('cat') OR label IS NULL",
    "size IS NOT NULL AND score < size",
    "ok",
    "NOT ok",
    "ok IS TRUE",
    "ok IS NOT TRUE",
    "ok IS NOT FALSE",
    "NOT (size > 1 OR ok)",
    "size = 1 OR size = 3 AND ok IS FALSE",
    '"size" >= .5',
    "id == \"label\" OR id = 'b'",
    "NOT NOT ok",
]


@pytest.mark.parametrize("text", AGREE)
def test_a_frame_keeps_what_a_store_finds(text: str) -> None:
    kept = nw.from_native(ROWS).filter(to_narwhals(text))["id"].to_list()
    with ml.FeatureGraph().use(), ml.InMemoryMetadataStore() as store:

        class Row(ml.BaseFeature, spec=ml.FeatureSpec(key="row", id_columns=["id"])):
            id: str

        store.write(Row, ROWS)
        assert sorted(kept) == sorted(store.read(Row, filters=text).collect()["id"].to_list())


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("label = NULL", ["c"]),
        ("NULL != label", ["a", "b", "d"]),
        ("size ISNULL", ["d"]),
        ("size NOTNULL", ["a", "b", "c"]),
        ("!(size = 1) AND size != 3", ["b"]),
        ("a.b = 2", ["b"]),
        ('"a.b" > 3', ["d"]),
    ],
)
def test_forms_of_metaxy_are_understood(text: str, kept: list[str]) -> None:
    assert nw.from_native(ROWS).filter(to_narwhals(text))["id"].to_list() == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "size >",
        "size > 1 AND",
        "(size > 1",
        "size > 1)",
        "1 = 1",
        "TRUE",
        "label LIKE 'a%'",
        "size BETWEEN 1 AND 2",
        "lower(label) = 'a'",
        "size - 1 > 0",
        "size + 1 > 0",
        "size > 1; drop",
        "label IN (SELECT 1)",
        "label IN ()",
        "label IN (size)",
        "size > NULL",
        "label = 'open",
        "size IS 3",
        "CAST(size AS TEXT) = '1'",
        "size::text = '1'",
        "AND size = 1",
        "size size",
        "-label = 1",
        "(" * 100 + "ok" + ")" * 100,
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(FilterError):
        to_narwhals(text)


def test_a_dep_tells_its_filters_as_expressions() -> None:
    dep = ml.FeatureDep(feature="video", filters=["size > 1", nw.col("ok")])
    assert dep.sql_filters == ("size > 1", "ok")
    kept = nw.from_native(ROWS).filter(*dep.filters)["id"].to_list()
    assert kept == []
    assert ml.FeatureDep(feature="video").filters == ()
