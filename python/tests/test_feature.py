"""Features as classes."""

import copy
import pickle
import sys
from types import ModuleType
from typing import Any

import narwhals as nw
import polars as pl
import pytest
from pydantic import Field, ValidationError

from metalith.errors import InvalidError
from metalith.feature import BaseFeature, Feature, project_of
from metalith.graph import FeatureExistsError, FeatureGraph
from metalith.keys import FeatureKey
from metalith.lineage import LineageRelationship
from metalith.spec import FeatureDep, FeatureSpec, Retention
from metalith.stores import InMemoryMetadataStore

with FeatureGraph().use():

    class Picture(BaseFeature, spec=FeatureSpec(key="picture", id_columns=["picture_id"])):
        """At the top of a module, so that it can be pickled."""

        picture_id: str
        tags: list[str] = Field(default_factory=list[str])


def test_a_class_registers_itself_in_the_active_graph(graph: FeatureGraph) -> None:
    class Video(
        BaseFeature, spec=FeatureSpec(key="video/raw", id_columns=["id"], fields=["audio"])
    ):
        id: str

    key = FeatureKey("video/raw")
    assert key in graph
    assert Video.graph is graph
    assert Video.spec().key == key
    assert Video.table_name() == "video__raw"
    assert Video.feature_version() == graph.get_feature_version(key)
    assert Video.provenance_by_field() == graph.get_feature_version_by_field(key)
    assert Video.feature_code_version() == Video.spec().code_version
    assert Video.feature_spec_version() == Video.spec().feature_spec_version
    assert graph.features_by_key[key].feature_class() is Video
    assert Feature is BaseFeature


def test_a_class_without_a_spec_is_a_base_for_others(graph: FeatureGraph) -> None:
    class WithOwner(BaseFeature, spec=None):
        owner: str

    class Dataset(WithOwner, spec=FeatureSpec(key="dataset", id_columns=["dataset_id"])):
        dataset_id: str

    class Further(Dataset):
        note: str = ""

    assert list(graph.feature_definitions_by_key) == [FeatureKey("dataset")]
    assert Dataset(owner="me", dataset_id="a").owner == "me"
    for base in (WithOwner, Further, BaseFeature):
        with pytest.raises(InvalidError, match=f"`{base.__name__}` has no spec"):
            base.spec()


def test_what_is_no_spec_is_refused() -> None:
    with pytest.raises(ValidationError):

        class Wrong(BaseFeature, spec={"key": "a"}):
            pass

    class Given(BaseFeature, spec={"key": "a", "id_columns": ["x"]}):
        x: str

    assert Given.spec() == FeatureSpec(key="a", id_columns=["x"])


def test_samples_are_frozen_and_have_what_the_class_declares() -> None:
    picture = Picture(picture_id="a")
    assert picture.metaxy_provenance_by_field == {}
    with pytest.raises(ValidationError, match="frozen"):
        picture.picture_id = "b"
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Picture.model_validate({"picture_id": "a", "colour": "red"})
    with pytest.raises(ValidationError, match="picture_id"):
        Picture.model_validate({})


def test_a_class_must_declare_its_ids_before_there_are_samples() -> None:
    class NoId(BaseFeature, spec=FeatureSpec(key="no-id", id_columns=["a", "b"])):
        a: str

    with pytest.raises(ValidationError, match=r"ID columns \{'b'\} .* Available fields: a "):
        NoId(a="1")


def test_samples_and_classes_travel_between_processes() -> None:
    picture = Picture(picture_id="a", tags=["x"])
    assert pickle.loads(pickle.dumps(picture)) == picture
    assert pickle.loads(pickle.dumps(Picture)) is Picture
    assert copy.deepcopy(picture) == picture


def test_a_class_defined_again_replaces_itself_and_no_other(graph: FeatureGraph) -> None:
    def define(version: str) -> type[BaseFeature]:
        spec = FeatureSpec(
            key="video", id_columns=["id"], fields=[{"key": "audio", "code_version": version}]
        )

        class Video(BaseFeature, spec=spec):
            id: str

        return Video

    define("1")
    again = define("2")
    assert graph.get_feature_version("video") == again.feature_version()
    assert graph.features_by_key[FeatureKey("video")].feature_class() is again
    with pytest.raises(FeatureExistsError, match=r"key video already registered, by `.*Video`"):

        class Film(BaseFeature, spec=FeatureSpec(key="video", id_columns=["id"])):
            id: str


def test_retention_is_given_on_the_class_and_inherited(graph: FeatureGraph) -> None:
    class Kept(BaseFeature, spec=None, retention=Retention(keep_deleted="30d")):
        id: str

    class Video(Kept, spec=FeatureSpec(key="video", id_columns=["id"])):
        pass

    class Log(Kept, spec=FeatureSpec(key="log", id_columns=["id"]), retention={"keep_versions": 2}):
        pass

    retention = {it["spec"]["key"]: it.get("retention") for it in graph.declarations()}
    assert retention == {"video": {"keep_deleted": "30d"}, "log": {"keep_versions": 2}}
    assert Video.feature_version() == graph.compiled().feature_version("video")


def test_the_project_of_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    class Video(BaseFeature, spec=FeatureSpec(key="video", id_columns=["id"])):
        id: str

    assert Video.metaxy_project() == __name__.partition(".")[0]

    class Owned(BaseFeature, spec=FeatureSpec(key="owned", id_columns=["id"])):
        __metaxy_project__ = "media"
        id: str

    assert Owned.metaxy_project() == "media"

    package = ModuleType("some_package")
    monkeypatch.setitem(sys.modules, "some_package", package)
    elsewhere: Any = type("Elsewhere", (), {"__module__": "some_package.features"})
    assert project_of(elsewhere) == "some_package"
    monkeypatch.setattr(package, "__metalith_project__", "shop", raising=False)
    assert project_of(elsewhere) == "shop"


def declare() -> tuple[type[BaseFeature], type[BaseFeature]]:
    class Video(BaseFeature, spec=FeatureSpec(key="video", id_columns=["id"])):
        id: str

    class Sound(BaseFeature, spec=FeatureSpec(key="sound", id_columns=["id"])):
        id: str

    return Video, Sound


def fill(store: InMemoryMetadataStore, feature: type[BaseFeature], ids: list[str]) -> None:
    provenance = [{"default": f"{feature.table_name()}-{it}"} for it in ids]
    store.write(feature, pl.DataFrame({"id": ids, "metaxy_provenance_by_field": provenance}))


def ids(frame: Any) -> list[str]:
    return sorted(nw.from_native(frame).lazy().collect()["id"].to_list())


def test_load_input_may_keep_the_samples_of_any_upstream() -> None:
    video, sound = declare()

    class Both(BaseFeature, spec=FeatureSpec(key="both", id_columns=["id"], deps=[video, sound])):
        id: str

        @classmethod
        def load_input(cls, upstream: dict[str, nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
            joined = upstream["video"].join(
                upstream["sound"], on="id", how="full", suffix="_of_sound"
            )
            either = nw.coalesce(nw.col("id"), nw.col("id_of_sound")).alias("id")
            return joined.with_columns(either).drop("id_of_sound")

    assert Both.has_custom_load_input()
    assert not video.has_custom_load_input()
    store = InMemoryMetadataStore()
    with store.open("write"):
        fill(store, video, ["a", "b"])
        fill(store, sound, ["b", "c"])
        with store.open("read"):
            found = store.resolve_update(Both)
    assert ids(found.new) == ["a", "b", "c"]


def test_load_input_may_start_from_the_usual_join() -> None:
    video, sound = declare()

    class Some(
        BaseFeature,
        spec=FeatureSpec(
            key="some", id_columns=["id"], deps=[video, FeatureDep(feature=sound, optional=True)]
        ),
    ):
        id: str

        @classmethod
        def load_input(cls, upstream: dict[str, nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
            return super().load_input(upstream).filter(nw.col("id") != "b")

    class Usual(
        BaseFeature,
        spec=FeatureSpec(
            key="usual", id_columns=["id"], deps=[video, FeatureDep(feature=sound, optional=True)]
        ),
    ):
        id: str

    store = InMemoryMetadataStore()
    with store.open("write"):
        fill(store, video, ["a", "b", "c"])
        fill(store, sound, ["b", "c"])
        some, usual = store.resolve_update(Some), store.resolve_update(Usual)
    assert ids(some.new) == ["a", "c"]
    kept = nw.from_native(usual.new).lazy().collect().filter(nw.col("id") != "b").sort("id")
    shown = nw.from_native(some.new).lazy().collect().sort("id")
    column = "metaxy_provenance"
    # The same samples as the engine's own join gives, but for the key of the feature.
    assert kept["id"].to_list() == shown["id"].to_list()
    assert kept[column].to_list() == shown[column].to_list()


def test_load_input_may_make_many_samples_of_one() -> None:
    video, _ = declare()

    class Frames(
        BaseFeature,
        spec=FeatureSpec(
            key="frames",
            id_columns=["frame"],
            deps=[FeatureDep(feature=video, lineage=LineageRelationship.expansion(on=["id"]))],
        ),
    ):
        id: str
        frame: str

        @classmethod
        def load_input(cls, upstream: dict[Any, nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
            # By class: a frame is found by whatever names its feature.
            first, second = (
                upstream[video].with_columns(frame=nw.concat_str(nw.col("id"), nw.lit(number)))
                for number in ("1", "2")
            )
            return nw.concat([first, second])

    store = InMemoryMetadataStore()
    with store.open("write"):
        fill(store, video, ["a", "b"])
        new = nw.from_native(store.resolve_update(Frames).new).lazy().collect()
    assert sorted(new["frame"].to_list()) == ["a1", "a2", "b1", "b2"]
