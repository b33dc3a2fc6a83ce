"""Features as datasets of Ray, in the words of Metaxy."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest
import ray
import ray.data

import metaxy as mx
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.ext.ray import MetaxyDatasink, MetaxyDatasource

MODULE = "features_of_the_tests_of_ray"
FEATURES = """
import metaxy as mx


class Raw(mx.BaseFeature, spec=mx.FeatureSpec(key="ray/raw", id_columns=["id"], fields=["x"])):
    id: str
    x: int


class Done(mx.BaseFeature, spec=mx.FeatureSpec(key="ray/done", id_columns=["id"], deps=[Raw])):
    id: str
"""


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mx.MetaxyConfig]:
    """One whose features nobody has loaded yet."""
    (tmp_path / f"{MODULE}.py").write_text(FEATURES)
    monkeypatch.syspath_prepend(tmp_path)
    with mx.FeatureGraph().use():
        yield mx.MetaxyConfig(project="shop", entrypoints=[MODULE])
    sys.modules.pop(MODULE, None)
    mx.MetaxyConfig.reset()


@pytest.fixture
def store(tmp_path: Path) -> DeltaMetadataStore:
    return DeltaMetadataStore(root_path=tmp_path / "delta")


def rows(*numbers: int) -> Any:
    hashes = [{"x": f"h{it}"} for it in numbers]
    made = {"id": [f"s{it}" for it in numbers], "x": list(numbers)}
    return pl.DataFrame({**made, "metaxy_provenance_by_field": hashes}).to_arrow()


def test_what_tasks_write_is_counted_and_read(
    config: mx.MetaxyConfig, store: DeltaMetadataStore
) -> None:
    sink = MetaxyDatasink(["ray", "raw"], store, config)
    assert sink.store is store and sink.config is config
    with pytest.raises(RuntimeError, match="Write operation has not completed yet"):
        _ = sink.result
    blocks = [ray.put(rows(*numbers)) for numbers in ((1, 2), (3, 4, 5), (6,))]
    ray.data.from_arrow_refs(blocks).write_datasink(sink, concurrency=2)
    assert (sink.result.rows_written, sink.result.rows_failed) == (6, 0)
    source = MetaxyDatasource(
        "ray/raw", store, config, filters=[nw.col("x") > 2], columns=["id", "x"]
    )
    assert source.store is store and source.config is config
    found = ray.data.read_datasource(source).to_pandas()
    assert sorted(found.columns) == ["id", "x"] and sorted(found["x"]) == [3, 4, 5, 6]


def test_what_is_to_be_done_is_marked(config: mx.MetaxyConfig, store: DeltaMetadataStore) -> None:
    mx.init(config)
    with store.open("w"):
        store.write("ray/raw", rows(1, 2, 3))
        # The active configuration is taken where none is given.
        source = MetaxyDatasource(mx.FeatureKey("ray/done"), store, incremental=True)
    found = ray.data.read_datasource(source).to_pandas()
    assert sorted(found["id"]) == ["s1", "s2", "s3"] and set(found["metaxy_status"]) == {"new"}
    with store.open("w"):
        store.write("ray/done", store.resolve_update("ray/done").new)
    assert len(ray.data.read_datasource(source).to_pandas()) == 0
