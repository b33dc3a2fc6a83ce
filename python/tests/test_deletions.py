"""Deleting: by lineage, softly or for good, undone, kept from, and told before it happens."""

from pathlib import Path

import narwhals as nw
import polars as pl
import pytest

import metalith as ml
from metalith.errors import BlockedError, InvalidError

HASHES = "metaxy_provenance_by_field"


class Videos:
    """Videos, their chunks, and the faces in those: nothing says which video a face is from."""

    def __init__(self, store: ml.MetadataStore) -> None:
        class Raw(
            ml.BaseFeature,
            spec=ml.FeatureSpec(
                key=["video", "raw"], id_columns=["video_id"], fields=["frames", "audio"]
            ),
        ):
            video_id: str

        class Chunk(
            ml.BaseFeature,
            spec=ml.FeatureSpec(
                key=["video", "chunk"],
                id_columns=["chunk_id"],
                deps=[
                    ml.FeatureDep(
                        feature=Raw,
                        lineage=ml.LineageRelationship.expansion(on=["video_id"]),
                    )
                ],
                fields=["frames"],
            ),
        ):
            video_id: str
            chunk_id: str

        class Faces(
            ml.BaseFeature,
            spec=ml.FeatureSpec(
                key=["video", "faces"],
                id_columns=["chunk_id"],
                deps=[ml.FeatureDep(feature=Chunk)],
                fields=["faces"],
            ),
        ):
            chunk_id: str

        self.raw, self.chunk, self.faces = Raw, Chunk, Faces
        self.store = store
        hashes = [{"frames": "f", "audio": "a"}] * 2
        with store.open("write"):
            store.write_metadata(Raw, pl.DataFrame({"video_id": ["v1", "v2"], HASHES: hashes}))
            videos = store.resolve_update(Chunk).new.to_polars()
            number = pl.DataFrame({"number": [0, 1]})
            chunk_id = pl.concat_str("video_id", pl.lit("_"), "number").alias("chunk_id")
            chunks = videos.join(number, how="cross").with_columns(chunk_id).drop("number")
            store.write_metadata(Chunk, chunks)
            faces = store.resolve_update(Faces).new.to_polars().drop("video_id")
            store.write_metadata(Faces, faces)

    def left(self) -> list[int]:
        """How many samples of each can be seen."""
        features = (self.raw, self.chunk, self.faces)
        with self.store:
            return [len(self.store.read_metadata(it).collect()) for it in features]


@pytest.fixture
def videos(store: ml.MetadataStore) -> Videos:
    return Videos(store)


def test_the_order_of_deleting(videos: Videos) -> None:
    store, raw = videos.store, videos.raw
    keys = [ml.FeatureKey(it) for it in ("video/faces", "video/chunk", "video/raw")]
    with store.open("read"):
        down = store.get_deletion_order(raw, direction="downstream", include_self=True)
        assert down == keys
        assert store.get_deletion_order(raw, include_self=False) == keys[:2]
        assert store.get_deletion_order(videos.faces, direction="upstream") == keys[::-1]
        assert store.get_deletion_order(videos.chunk, direction="both") == keys[::-1]


def test_a_loop_over_the_order_does_what_it_means(videos: Videos) -> None:
    """The faces have no `video_id`: the filter finds them by way of their chunks."""
    store = videos.store
    with store.open("read"):
        order = store.get_deletion_order(videos.raw, direction="downstream", include_self=True)
    with store.open("write"):
        for key in order:
            store.delete_metadata(key, filters=nw.col("video_id") == "v1", soft=False)
    assert videos.left() == [1, 2, 2]


def test_a_cascade_is_planned_done_and_undone(videos: Videos) -> None:
    store, raw = videos.store, videos.raw
    with store:
        plan = store.plan_deletion(raw, "video_id = 'v1'", cascade="downstream")
        assert [step.samples for step in plan.steps] == [2, 2, 1]
        assert str(plan).splitlines()[0].split()[:3] == ["ORDER", "FEATURE", "SAMPLES"]
    assert videos.left() == [2, 4, 4]
    with store.open("write"):
        done = store.delete_metadata(
            raw, filters="video_id = 'v1'", cascade="downstream", reason="asked to"
        )
        assert done.samples == 5
    assert videos.left() == [1, 2, 2]
    with store.open("write"):
        assert store.deletions()[-1]["reason"] == "asked to"
        restored = store.restore(done)
        assert restored[ml.FeatureKey("video/faces")] == 2
    assert videos.left() == [2, 4, 4]


def test_a_part_goes_without_its_parent(videos: Videos) -> None:
    with videos.store.open("write"):
        videos.store.delete_metadata(videos.chunk, filters=nw.col("chunk_id") == "v1_0", soft=False)
    assert videos.left() == [2, 3, 4]


def test_softly_deleted_samples_can_be_seen(videos: Videos) -> None:
    store, raw = videos.store, videos.raw
    with store.open("write"):
        store.delete_metadata(raw, filters=nw.col("video_id") == "v1")
    with store:
        assert len(store.read_metadata(raw).collect()) == 1
        assert len(store.read_metadata(raw, include_soft_deleted=True).collect()) == 2


def test_a_hold_blocks_everything(videos: Videos) -> None:
    store = videos.store
    with store.open("write"):
        hold = store.add_hold(videos.faces, "chunk_id = 'v1_0'", reason="case 12")
        with pytest.raises(BlockedError, match="case 12"):
            store.delete(videos.raw, "video_id = 'v1'", cascade="downstream", soft=False)
        plan = store.plan_deletion(videos.raw, "video_id = 'v1'", cascade="downstream")
        assert "case 12" in plan.blockers[0].message
        assert [it["reason"] for it in store.holds()] == ["case 12"]
    assert videos.left() == [2, 4, 4]
    with store.open("write"):
        store.release_hold(hold)
        store.delete(videos.raw, "video_id = 'v1'", cascade="downstream", soft=False)
    assert videos.left() == [1, 2, 2]


def test_a_reference_can_refuse(store: ml.MetadataStore) -> None:
    class Dataset(ml.BaseFeature, spec=ml.FeatureSpec(key="dataset", id_columns=["dataset_id"])):
        dataset_id: str

    class Model(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key="model",
            id_columns=["model_id"],
            deps=[
                ml.FeatureDep(
                    feature=Dataset,
                    lineage=ml.LineageRelationship.expansion(on=["dataset_id"]),
                    on_delete=ml.OnDelete.restrict(when="is_active", label="name"),
                )
            ],
        ),
    ):
        model_id: str

    with store.open("write"):
        store.write(Dataset, pl.DataFrame({"dataset_id": ["d"], HASHES: [{"default": "h"}]}))
        models = (
            store.resolve_update(Model)
            .new.to_polars()
            .with_columns(model_id=pl.lit("m"), name=pl.lit("resnet"), is_active=pl.lit(True))
        )
        store.write(Model, models)
        with pytest.raises(BlockedError, match="resnet"):
            store.delete(Dataset, None)
        assert len(store.read(Dataset).collect()) == 1


def test_a_plan_is_carried_out_once(videos: Videos) -> None:
    with videos.store.open("write"):
        plan = videos.store.plan_deletion(videos.faces, None)
        plan.apply()
        with pytest.raises(InvalidError, match="already"):
            plan.apply()


def test_a_table_is_dropped(videos: Videos) -> None:
    with videos.store.open("write"):
        assert videos.store.drop(videos.faces)
        assert not videos.store.drop(videos.faces)
        assert not videos.store.has_feature(videos.faces)


def test_objects_are_compared_with_what_samples_name(tmp_path: Path) -> None:
    class Clip(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key="clip", id_columns=["id"], objects=[ml.SampleObjects(column="file", owned=True)]
        ),
    ):
        id: str
        file: str

    files = tmp_path / "files"
    files.mkdir()
    for name in ("a.bin", "b.bin"):
        (files / name).write_bytes(b"1234")
    store = ml.DeltaMetadataStore(tmp_path / "store")
    with store.open("write"):
        rows = {"id": ["a"], "file": [str(files / "a.bin")], HASHES: [{"default": "h"}]}
        store.write(Clip, pl.DataFrame(rows))
        report = store.audit_objects([str(files)], min_age_seconds=0)
        assert (report["objects"], report["orphans"]) == (2, 1)
        assert report["orphan_examples"][0].endswith("b.bin")
        store.delete(Clip, "id = 'a'", soft=False)
    assert not (files / "a.bin").exists()
    assert (files / "b.bin").exists()


def test_a_tombstone_keeps_when_its_sample_was_written(videos: Videos) -> None:
    store, raw = videos.store, videos.raw
    with store.open("write"):
        one = "video_id = 'v1'"
        before = store.read(raw, filters=one).collect().to_polars().to_dicts()[0]
        store.delete(raw, one)
        after = store.read(raw, filters=one, include_soft_deleted=True).collect().to_polars()
        row = after.to_dicts()[0]
        assert row["metaxy_updated_at"] == before["metaxy_updated_at"]
        assert row["metaxy_deleted_at"] > row["metaxy_updated_at"]
