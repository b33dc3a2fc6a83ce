"""The ways of working that the documents of this product promise."""

from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

from metalith import (
    DeltaMetadataStore,
    Feature,
    FeatureDep,
    FeatureGraph,
    FeatureKey,
    FeatureSpec,
    FieldDep,
    FieldKey,
    FieldSpec,
    InMemoryMetadataStore,
    MetadataStore,
)


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
