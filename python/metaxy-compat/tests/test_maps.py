"""Columns of maps, with `enable_map_datatype`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

import metaxy as mx
from metaxy.ext.duckdb import DuckDBMetadataStore
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.metadata_store.base import _is_map_column

PROVENANCE = "metaxy_provenance_by_field"
TEXTS = pa.map_(pa.string(), pa.string())


@pytest.fixture(autouse=True)
def with_maps() -> Iterator[None]:
    with mx.MetaxyConfig(project="maps", enable_map_datatype=True).use(), mx.FeatureGraph().use():
        yield


@pytest.fixture(params=["delta", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> mx.MetadataStore:
    if request.param == "delta":
        return DeltaMetadataStore(tmp_path / "store")
    return DuckDBMetadataStore(tmp_path / "store.duckdb")


@pytest.fixture
def clip() -> type[mx.BaseFeature]:
    class Clip(
        mx.BaseFeature, spec=mx.FeatureSpec(key="clip", id_columns=["id"], fields=["a", "b"])
    ):
        id: str

    return Clip


def entries(rows: pl.DataFrame, column: str) -> list[Any]:
    return pa.table(rows)[column].to_pylist()


def test_versions_by_field_come_as_maps(store: mx.MetadataStore, clip: type[mx.BaseFeature]):
    given = pl.DataFrame({"id": ["x", "y"], PROVENANCE: [{"a": "1", "b": "2"}] * 2})
    with store.open("w"):
        store.write(clip, given)
        found = store.read(clip).sort("id").collect().to_polars()
    assert isinstance(found.schema[PROVENANCE], pl.Map)
    assert entries(found, PROVENANCE) == [[("a", "1"), ("b", "2")]] * 2


def test_maps_of_users_stay_maps_and_structs_structs(
    store: mx.MetadataStore, clip: type[mx.BaseFeature]
):
    scores = pa.array([[(1, 0.5), (2, 1.5)], None], pa.map_(pa.int32(), pa.float64()))
    given = pa.table(
        {
            "id": ["x", "y"],
            PROVENANCE: pa.array([[("a", "1"), ("b", "2")]] * 2, TEXTS),
            "tags": pa.array([[("lang", "en")], []], TEXTS),
            "scores": scores,
            "size": [{"w": 1}, {"w": 2}],
        }
    )
    with store.open("w"):
        store.write(clip, given)
        # What came out goes in again.
        store.write(clip, store.read(clip).collect())
        found = store.read(clip).sort("id").collect().to_polars()
    assert entries(found, "tags") == [[("lang", "en")], []]
    assert entries(found, "scores") == scores.to_pylist()
    assert isinstance(found.schema["size"], pl.Struct)


def test_increments_have_maps_and_can_be_written(
    store: mx.MetadataStore, clip: type[mx.BaseFeature]
):
    class Cut(
        mx.BaseFeature, spec=mx.FeatureSpec(key="cut", id_columns=["id"], deps=[clip], fields=["c"])
    ):
        id: str

    with store.open("w"):
        store.write(clip, pl.DataFrame({"id": ["x"], PROVENANCE: [{"a": "1", "b": "2"}]}))
        new = store.resolve_update(Cut).new
        assert isinstance(new.to_native().schema[PROVENANCE], pl.Map)
        store.write(Cut, new)
        assert [len(it) for it in store.resolve_update(Cut)] == [0, 0, 0]


def test_columns_of_maps_are_told_where_they_are_wanted():
    rows = pa.table({"tags": pa.array([[("lang", "en")]], TEXTS), "size": [{"w": 1}]})
    for frame in (nw.from_native(rows), nw.from_native(pl.DataFrame(rows))):
        assert _is_map_column(frame, "tags")
        assert not _is_map_column(frame, "size")
        with mx.MetaxyConfig(project="maps").use():
            assert not _is_map_column(frame, "tags")
