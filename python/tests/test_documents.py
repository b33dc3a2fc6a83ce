"""The ways of working that the documents of this product promise.

`metaxy-compat/tests/test_documents.py` runs the same under the names of Metaxy.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import narwhals as nw
import polars as pl
import pytest

from metalith import (
    BaseFeature,
    Feature,
    FeatureDep,
    FeatureGraph,
    FeatureKey,
    FeatureSpec,
    FieldDep,
    FieldKey,
    FieldSpec,
    InMemoryMetadataStore,
    LineageRelationship,
    MetadataStore,
    MetalithConfig,
)
from metalith.ext.dagster import MetaxyStoreFromConfigResource, delete_metadata
from metalith.stores.delta import DeltaMetadataStore


@pytest.fixture
def predictions(tmp_path: Path) -> tuple[MetadataStore, type[Feature]]:
    """Predictions of two versions of a model."""

    class PredictionFeature(
        Feature, spec=FeatureSpec(key="predictions", id_columns=["sample_uid"])
    ):
        sample_uid: int

    store = DeltaMetadataStore(tmp_path / "store")
    rows = {
        "sample_uid": [1, 2, 3],
        "model_version": ["v1", "v2", "v2"],
        "confidence": [0.9, 0.4, 0.8],
        "metaxy_provenance_by_field": [{"default": "h"}] * 3,
    }
    with store.open("write"):
        store.write_metadata(PredictionFeature, pl.DataFrame(rows))
    return store, PredictionFeature


def test_softly_and_for_good(predictions: tuple[MetadataStore, type[Feature]]) -> None:
    store, PredictionFeature = predictions
    with store.open("write"):
        store.delete_metadata(PredictionFeature, filters=nw.col("model_version") == "v1")
    with store.open("write"):
        store.delete_metadata(PredictionFeature, filters=nw.col("confidence") < 0.5, soft=False)
    with store:
        active = store.read_metadata(PredictionFeature).collect()
        all_data = store.read_metadata(PredictionFeature, include_soft_deleted=True).collect()
    assert active["sample_uid"].to_list() == [3]
    assert sorted(all_data["sample_uid"].to_list()) == [1, 3]


Videos = tuple[type[BaseFeature], type[BaseFeature], type[BaseFeature]]


@pytest.fixture
def videos() -> Videos:
    """Videos, the chunks of each, and the faces in every chunk."""

    class VideoRaw(
        BaseFeature,
        spec=FeatureSpec(
            key=["video", "raw"],
            id_columns=["video_id"],
            fields=["frames", "audio"],
        ),
    ):
        video_id: str

    class VideoChunk(
        BaseFeature,
        spec=FeatureSpec(
            key=["video", "chunk"],
            id_columns=["chunk_id"],
            deps=[
                FeatureDep(
                    feature=VideoRaw,
                    lineage=LineageRelationship.expansion(on=["video_id"]),
                )
            ],
            fields=["frames"],
        ),
    ):
        video_id: str
        chunk_id: str

    class FaceRecognition(
        BaseFeature,
        spec=FeatureSpec(
            key=["video", "faces"],
            id_columns=["chunk_id"],
            deps=[FeatureDep(feature=VideoChunk)],
            fields=["faces"],
        ),
    ):
        chunk_id: str

    return VideoRaw, VideoChunk, FaceRecognition


@pytest.fixture
def store(tmp_path: Path, videos: Videos) -> Iterator[MetadataStore]:
    """The configured store, with two videos of three chunks each."""
    VideoRaw, VideoChunk, FaceRecognition = videos
    kind = f"{DeltaMetadataStore.__module__}.DeltaMetadataStore"
    place = {"root_path": str(tmp_path / "store")}
    stores = {"default": {"type": kind, "config": place}}
    with MetalithConfig(project="media", store="default", stores=stores).use() as config:
        store = config.get_store()
        with store.open("write"):
            names = ["vid_123", "v1"]
            hashes = [{"frames": name, "audio": name} for name in names]
            rows = {"video_id": names, "metaxy_provenance_by_field": hashes}
            store.write_metadata(VideoRaw, pl.DataFrame(rows))
            new = store.resolve_update(VideoChunk).new.to_polars()
            numbers = pl.DataFrame({"number": [4, 5, 6]})
            chunks = new.join(numbers, how="cross").with_columns(
                chunk_id=pl.when(pl.col("video_id") == "v1")
                .then(pl.lit("other_"))
                .otherwise(pl.lit("chunk_"))
                + pl.col("number").cast(pl.String)
            )
            store.write_metadata(VideoChunk, chunks.drop("number"))
            store.write_metadata(FaceRecognition, store.resolve_update(FaceRecognition).new)
        yield store


def counts(store: MetadataStore, videos: Videos, *, deleted: bool = False) -> list[int]:
    """How many samples there are of each feature, upstreams first."""
    with store:
        return [
            len(store.read_metadata(it, include_soft_deleted=deleted).collect()) for it in videos
        ]


def test_in_order(store: MetadataStore, videos: Videos) -> None:
    VideoRaw, VideoChunk, FaceRecognition = videos
    with store.open("read"):
        order = store.get_deletion_order(
            VideoRaw,
            direction="downstream",
            include_self=True,
        )
    assert order == [it.spec().key for it in (FaceRecognition, VideoChunk, VideoRaw)]
    with store.open("write"):
        for feature_key in order:
            store.delete_metadata(
                feature_key,
                filters=nw.col("video_id") == "vid_123",
                soft=False,
            )
    assert counts(store, videos, deleted=True) == [1, 3, 3]


def test_a_part_goes_and_the_whole_stays(store: MetadataStore, videos: Videos) -> None:
    with store.open("write"):
        store.delete_metadata(
            videos[1],
            filters=nw.col("chunk_id") == "chunk_5",
            soft=False,
        )
    assert counts(store, videos) == [2, 5, 6]


@dg.job(resource_defs={"metaxy_store": MetaxyStoreFromConfigResource(name="default")})
def cleanup_job() -> None:
    """Deletes samples."""
    delete_metadata()


@pytest.mark.parametrize(
    ("options", "left"), [({}, [1, 6, 6]), ({"cascade": "downstream"}, [1, 3, 3])]
)
def test_a_job_deletes(
    store: MetadataStore, videos: Videos, options: dict[str, str], left: list[int]
) -> None:
    done = cleanup_job.execute_in_process(
        run_config={
            "ops": {
                "delete_metadata": {
                    "config": {
                        "feature_key": ["video", "raw"],
                        "filters": ["video_id = 'v1'"],
                        "soft": True,
                        **options,
                    }
                }
            }
        }
    )
    assert done.success
    assert counts(store, videos) == left
    assert counts(store, videos, deleted=True) == [2, 6, 6]


def test_graphs_are_isolated() -> None:
    test_graph = FeatureGraph()
    outside = FeatureGraph.get_active()
    with test_graph.use():

        class MyFeature(Feature, spec=FeatureSpec(key="mine", id_columns=["sample_uid"])):
            sample_uid: int

        assert FeatureGraph.get_active() is test_graph
        with InMemoryMetadataStore() as store:
            rows = {"sample_uid": [123], "metaxy_provenance_by_field": [{"default": "h"}]}
            store.write_metadata(MyFeature, pl.DataFrame(rows))
            row = store.read_metadata(MyFeature).collect().to_polars().to_dicts()[0]
        assert row["metaxy_feature_version"] == MyFeature.feature_version()
        assert row["metaxy_project_version"] == test_graph.snapshot_version
        assert row["metaxy_data_version_by_field"] == {"default": "h"}
    assert FeatureGraph.get_active() is outside
    assert FeatureKey("mine") not in outside


def test_a_graph_comes_back_from_its_snapshot() -> None:
    graph = FeatureGraph.get_active()

    class Up(
        Feature,
        spec=FeatureSpec(key=FeatureKey(["up"]), id_columns=["id"], fields=["frames", "audio"]),
    ):
        id: str

    class Down(
        Feature,
        spec=FeatureSpec(
            key="down",
            id_columns=["id"],
            deps=[FeatureDep(feature=Up)],
            fields=[
                FieldSpec(
                    key=FieldKey(["faces"]),
                    code_version="2",
                    deps=[FieldDep(feature=Up, fields=["frames"])],
                )
            ],
        ),
    ):
        id: str

    again = FeatureGraph.from_snapshot(graph.to_snapshot())
    assert again.snapshot_version == graph.snapshot_version
    assert again.get_feature_version("down") == Down.feature_version()


def test_older_words_for_an_increment() -> None:
    class Up(Feature, spec=FeatureSpec(key="up", id_columns=["id"])):
        id: str

    class Down(Feature, spec=FeatureSpec(key="down", id_columns=["id"], deps=[Up])):
        id: str

    with InMemoryMetadataStore() as store:
        rows = {"id": ["a"], "metaxy_provenance_by_field": [{"default": "h"}]}
        store.write_metadata(Up, pl.DataFrame(rows))
        lazy = store.resolve_update(Down, lazy=True)
        assert lazy.added.collect().to_native()["id"].to_list() == ["a"]
        eager = store.resolve_update(Down)
        assert (len(eager.added), len(eager.changed), len(eager.removed)) == (1, 0, 0)
