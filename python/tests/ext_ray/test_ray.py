"""Features as datasets of Ray, on one machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest
import ray
import ray.data

import metalith as ml
from metalith.errors import InvalidError
from metalith.ext.ray import MetalithDatasink, MetalithDatasource

Feature = type[ml.BaseFeature]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def graph() -> Iterator[ml.FeatureGraph]:
    with ml.FeatureGraph().use() as graph:
        yield graph


@pytest.fixture
def store(tmp_path: Path) -> ml.MetadataStore:
    return ml.DeltaMetadataStore(tmp_path, materialization_id="run-1", hash_algorithm="xxhash64")


@pytest.fixture
def video() -> Feature:
    class Video(
        ml.BaseFeature,
        spec=ml.FeatureSpec(key="video", id_columns=["id"], fields=["frames"]),
    ):
        id: str
        length: int | None = None

    return Video


@pytest.fixture
def faces(video: Feature) -> Feature:
    class Faces(ml.BaseFeature, spec=ml.FeatureSpec(key="faces", id_columns=["id"], deps=[video])):
        id: str

    return Faces


def videos(*numbers: int, version: str = "1") -> pl.DataFrame:
    ids = [f"v{number}" for number in numbers]
    versions = [{"frames": f"{name}-{version}"} for name in ids]
    rows = {"id": ids, "length": list(numbers), "metaxy_provenance_by_field": versions}
    return pl.DataFrame(rows)


def read(*given: Any, **options: Any) -> pl.DataFrame:
    found = ray.data.read_datasource(MetalithDatasource(*given, **options))
    return pl.DataFrame(found.to_pandas()).sort("id")


def test_samples_become_a_dataset(store: ml.MetadataStore, video: Feature) -> None:
    with store.open("write"):
        store.write(video, videos(1, 2, 3))
        store.delete(video, "id = 'v3'")
    assert read(video, store)["id"].to_list() == ["v1", "v2"]
    assert read(video, store, include_soft_deleted=True)["id"].to_list() == ["v1", "v2", "v3"]
    chosen = read(video, store, filters=[nw.col("length") > 1], columns=["id", "length"])
    assert chosen.to_dicts() == [{"id": "v2", "length": 2}]


def test_a_dataset_becomes_samples(store: ml.MetadataStore, video: Feature) -> None:
    sink = MetalithDatasink(video, store)
    with pytest.raises(InvalidError, match="nothing has been written"):
        _ = sink.result
    given = ray.data.from_arrow(videos(*range(50)).to_arrow()).repartition(4)
    given.write_datasink(sink)
    assert (sink.result.rows_written, sink.result.rows_failed) == (50, 0)
    with store:
        rows = store.read(video).collect()
    assert sorted(rows["length"].to_list()) == list(range(50))
    assert set(rows["metaxy_materialization_id"].to_list()) == {"run-1"}


def test_what_is_to_compute_is_computed_in_tasks(
    store: ml.MetadataStore, video: Feature, faces: Feature
) -> None:
    with store.open("write"):
        store.write(video, videos(1, 2))
        store.write(faces, store.resolve_update(faces).new)
        store.write(video, videos(2, 3, version="2"))
    found = read(faces, store, incremental=True)
    assert dict(found.select("id", "metaxy_status").rows()) == {"v2": "stale", "v3": "new"}

    def count(batch: Any) -> Any:
        return batch.append_column("faces", [[7] * len(batch)]).drop_columns(["metaxy_status"])

    todo = ray.data.read_datasource(MetalithDatasource(faces, store, incremental=True))
    todo.map_batches(count, batch_format="pyarrow").write_datasink(MetalithDatasink(faces, store))
    with store:
        assert len(store.resolve_update(faces).new) == 0
        assert len(store.resolve_update(faces).stale) == 0
        rows = store.read(faces, filters="faces = 7").collect()
    assert sorted(rows["id"].to_list()) == ["v2", "v3"]


def test_samples_can_be_called_stale(
    store: ml.MetadataStore, video: Feature, faces: Feature
) -> None:
    with store.open("write"):
        store.write(video, videos(1, 2))
        store.write(faces, store.resolve_update(faces).new)
    stale = [nw.col("id") == "v1"]
    found = read(faces, store, incremental=True, staleness_predicates=stale)
    assert found["id"].to_list() == ["v1"]
    with pytest.raises(InvalidError, match="pass `incremental=True`"):
        MetalithDatasource(faces, store, staleness_predicates=stale)


def test_an_empty_feature_is_an_empty_dataset(store: ml.MetadataStore, video: Feature) -> None:
    with store.open("write"):
        store.write(video, videos(1))
        store.delete(video, None)
    found = ray.data.read_datasource(MetalithDatasource(video, store))
    assert found.count() == 0


def test_rows_that_cannot_be_written_fail(store: ml.MetadataStore, video: Feature) -> None:
    rows = videos(1).drop("id").to_arrow()
    with pytest.raises(Exception, match="id"):
        ray.data.from_arrow(rows).write_datasink(MetalithDatasink(video, store))


def test_a_store_in_memory_is_refused(video: Feature) -> None:
    store = ml.InMemoryMetadataStore()
    for made in (MetalithDatasource, MetalithDatasink):
        with pytest.raises(InvalidError, match="is of this process alone"):
            made(video, store)
