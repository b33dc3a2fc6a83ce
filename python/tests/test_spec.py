"""What a feature is: the sugar of its spec, and the form in which it is stored."""

from datetime import timedelta
from typing import Any

import narwhals as nw
import pytest
from pydantic import ValidationError

from metalith.feature import BaseFeature
from metalith.fields import FieldDep, FieldsMapping, FieldSpec, SpecialFieldDep
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey, FieldKey
from metalith.lineage import LineageRelationship
from metalith.spec import FeatureDep, FeatureSpec, OnDelete, Retention, SampleObjects


def test_a_spec_needs_a_key_and_ids() -> None:
    spec = FeatureSpec(key="video/raw", id_columns=["video_id"])
    assert spec.to_wire() == {
        "key": "video/raw",
        "id_columns": ["video_id"],
        "deps": [],
        "fields": [{"key": "default", "code_version": "__metaxy_initial__", "deps": []}],
        "metadata": {},
        "description": None,
    }
    assert spec.table_name() == "video__raw"
    assert FeatureSpec.model_validate(spec.to_wire()) == spec


def test_fields_are_written_as_texts_or_in_full() -> None:
    spec = FeatureSpec(
        key="stt",
        id_columns=["id"],
        deps=["video/raw"],
        fields=[
            "text",
            FieldSpec(key="words", code_version=2),
            FieldSpec(key="both", deps=[FieldDep(feature="video/raw", fields=["audio"])]),
            FieldSpec(key="every", deps=SpecialFieldDep.ALL),
        ],
    )
    assert list(spec.fields_by_key) == [FieldKey(it) for it in ("text", "words", "both", "every")]
    words, both, every = spec.fields[1:]
    assert words.code_version == "2"
    assert both.model_dump(mode="json")["deps"] == [{"feature": "video/raw", "fields": ["audio"]}]
    assert every.model_dump(mode="json")["deps"] == "__METAXY_ALL_DEP__"
    assert FieldSpec(key="x", deps="__METAXY_ALL_DEP__") == FieldSpec(
        key="x", deps=SpecialFieldDep.ALL
    )
    assert FeatureSpec.model_validate(spec.to_wire()) == spec


def test_deps_are_whatever_names_a_feature() -> None:
    with FeatureGraph().use():

        class Video(BaseFeature, spec=FeatureSpec(key="video/raw", id_columns=["id"])):
            id: str

    wanted = FeatureKey("video/raw")
    key = FeatureKey("video/raw")
    for dep in (Video, "video/raw", ["video", "raw"], key, FeatureDep(feature=Video)):
        spec = FeatureSpec(key="stt", id_columns=["id"], deps=[dep])
        assert [it.feature for it in spec.deps] == [wanted]
        assert spec.deps_by_key[wanted].lineage == LineageRelationship.identity()
    assert FeatureSpec(key="stt", id_columns=["id"], deps=None).deps == []


def test_a_dep_says_how_rows_are_taken() -> None:
    dep = FeatureDep(
        feature="video/raw",
        rename={"path": "video_path"},
        select=["video_path"],
        filters=["length > 3"],
        lineage=LineageRelationship.aggregation(on=["hour"]),
        fields_mapping=FieldsMapping.specific({"text": {"subtitles", "audio"}}),
        optional=True,
    )
    assert dep.model_dump(mode="json") == {
        "feature": "video/raw",
        "select": ["video_path"],
        "rename": {"path": "video_path"},
        "fields_mapping": {
            "mapping": {"type": "specific", "mapping": {"text": [["audio"], ["subtitles"]]}}
        },
        "sql_filters": ["length > 3"],
        "lineage": {"relationship": {"type": "N:1", "on": ["hour"]}},
        "optional": True,
    }
    assert FeatureDep.model_validate(dep.model_dump(mode="json")) == dep
    assert dep.table_name() == "video__raw"


def test_the_spellings_of_before() -> None:
    assert FeatureDep(feature="a", columns=("x",)).select == ("x",)
    assert FeatureDep(feature="a", sql_filters=["x > 1"]).sql_filters == ("x > 1",)
    assert FeatureDep(feature="a", filters="x > 1").sql_filters == ("x > 1",)
    assert FeatureDep(feature="a", select=[]).select == ()


def test_filters_of_a_dep_may_be_expressions_of_narwhals() -> None:
    filters = FeatureDep(feature="a", filters=[nw.col("length") > 3]).sql_filters
    assert filters is not None
    (text,) = filters
    assert "length" in text and "3" in text


def test_select_uses_new_names() -> None:
    with pytest.raises(ValidationError, match="pre-rename column names: `path`"):
        FeatureDep(feature="a", rename={"path": "video_path"}, select=["path"])
    swapped = FeatureDep(feature="a", rename={"x": "y", "y": "x"}, select=["x", "y"])
    assert swapped.select == ("x", "y")


@pytest.mark.parametrize(
    ("action", "wire"),
    [
        ("cascade", "cascade"),
        (OnDelete.cascade(), "cascade"),
        ("set_null", "set_null"),
        (OnDelete.no_action(), "no_action"),
        ("restrict", {"restrict": {"when": None, "label": None}}),
        (
            OnDelete.restrict(when="is_active", label="name"),
            {"restrict": {"when": "is_active", "label": "name"}},
        ),
    ],
)
def test_what_happens_on_deletion(action: Any, wire: object) -> None:
    dep = FeatureDep(feature="a", on_delete=action)
    written = dep.model_dump(mode="json")
    assert written["on_delete"] == wire
    assert FeatureDep.model_validate(written) == dep


def test_what_happens_on_deletion_is_checked() -> None:
    with pytest.raises(ValidationError, match="on_delete"):
        FeatureDep(feature="a", on_delete="explode")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValidationError, match="belong to `restrict`, not to `cascade`"):
        OnDelete(action="cascade", when="x")
    assert "on_delete" not in FeatureDep(feature="a").model_dump()


def test_objects_and_the_active_column_are_metaliths_own() -> None:
    spec = FeatureSpec(
        key="dataset",
        id_columns=["dataset_id"],
        objects=[
            SampleObjects(template="s3://bucket/synthetic/{dataset_id}/", when="is_synthetic"),
            SampleObjects(column="uri", size="bytes", owned=False),
        ],
        active="is_active",
    )
    wire = spec.to_wire()
    assert wire["active"] == "is_active"
    assert wire["objects"] == [
        {
            "template": "s3://bucket/synthetic/{dataset_id}/",
            "when": "is_synthetic",
            "size": None,
            "owned": True,
        },
        {"column": "uri", "when": None, "size": "bytes", "owned": False},
    ]
    assert FeatureSpec.model_validate(wire) == spec
    graph = FeatureGraph()
    with graph.use():

        class Dataset(BaseFeature, spec=spec):
            dataset_id: str

    assert Dataset.feature_version() == graph.compiled().feature_version("dataset")
    with pytest.raises(ValidationError, match="`column` or a `template`, and not both"):
        SampleObjects()


def test_retention_is_given_in_ages() -> None:
    retention = Retention(
        keep_deleted=timedelta(days=2), expire_after="1 year", expire_column="at", keep_versions=3
    )
    assert retention.to_engine() == {
        "keep_deleted": "172800s",
        "expire_after": "1 year",
        "expire_column": "at",
        "keep_versions": 3,
    }
    for wrong, message in (
        ({"keep_deleted": "1 month"}, "`1 month` is no age"),
        ({"keep_deleted": timedelta(days=-1)}, "cannot be negative"),
        ({"expire_after": "7d"}, "go together"),
        ({"keep_versions": 0}, "greater than or equal to 1"),
        ({"keep_all": True}, "Extra inputs are not permitted"),
    ):
        with pytest.raises(ValidationError, match=message):
            Retention.model_validate(wrong)


def test_mistakes_in_a_spec_are_named() -> None:
    for wrong, message in (
        ({"id_columns": []}, "must be non-empty"),
        ({"id_columns": ["x", "x"]}, "Duplicate id column found: `x`"),
        ({"fields": ["a", "a"]}, "Duplicate field key found: `a`"),
        ({"deps": ["a", "a"]}, "Duplicate dep found: `a`"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"deps": [{"feature": "a", "colour": 1}]}, "Extra inputs are not permitted"),
        ({"deps": [{"feature": "A"}]}, "first part `A` is invalid"),
    ):
        with pytest.raises(ValidationError, match=message):
            FeatureSpec.model_validate({"key": "a", "id_columns": ["x"], **wrong})
    with pytest.raises(ValueError, match="metadata of `a` is not JSON"):
        FeatureSpec(key="a", id_columns=["x"], metadata={"x": object()}).to_wire()


def test_a_spec_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FeatureSpec(key="a", id_columns=["x"]).description = "new"


def test_the_versions_of_a_spec() -> None:
    spec = FeatureSpec(key="a", id_columns=["x"], fields=["f"])
    described = FeatureSpec(key="a", id_columns=["x"], fields=["f"], description="what it is")
    changed = FeatureSpec(key="a", id_columns=["x"], fields=[FieldSpec(key="f", code_version="2")])
    assert len(spec.feature_spec_version) == 64
    assert spec.feature_spec_version != described.feature_spec_version
    assert spec.code_version == described.code_version != changed.code_version


def test_a_spec_of_a_users_own_class_has_its_defaults() -> None:
    class OurSpec(FeatureSpec):
        id_columns: tuple[str, ...] = ("sample_uid",)

    spec = OurSpec.model_validate({"key": "a"})
    assert spec.to_wire()["id_columns"] == ["sample_uid"]
    assert spec.feature_spec_version
