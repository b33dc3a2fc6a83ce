"""Names of features and fields: many ways to write them, one meaning."""

import pickle

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from metalith.definition import FeatureDefinition
from metalith.feature import BaseFeature
from metalith.graph import FeatureGraph
from metalith.keys import (
    FeatureKey,
    FieldKey,
    ValidatedFeatureKey,
    ValidatedFeatureKeyAdapter,
    ValidatedFeatureKeySequenceAdapter,
    ValidatedFieldKeySequenceAdapter,
    coerce_to_feature_key,
    get_feature_by_key,
)
from metalith.spec import FeatureSpec


@pytest.mark.parametrize(
    "given",
    [
        "video/raw",
        ["video", "raw"],
        ("video", "raw"),
        {"root": ["video", "raw"]},
        {"parts": ["video", "raw"]},
        FeatureKey("video/raw"),
    ],
)
def test_a_key_is_its_parts_however_it_is_written(given: object) -> None:
    key = TypeAdapter(FeatureKey).validate_python(given)
    assert key == FeatureKey("video/raw")
    assert hash(key) == hash(FeatureKey(["video", "raw"]))
    assert key.parts == ("video", "raw")
    assert str(key) == repr(key) == key.to_string() == "video/raw"


def test_the_forms_of_a_key() -> None:
    key = FeatureKey("video-clips/raw/part_1")
    assert key.table_name == "video_clips__raw__part_1"
    assert key.to_struct_key() == "video-clips_raw_part_1"
    assert key.to_column_suffix() == "__video-clips_raw_part_1"
    assert key.model_dump() == "video-clips/raw/part_1"
    assert FeatureKey.model_validate_json(key.model_dump_json()) == key
    assert pickle.loads(pickle.dumps(key)) == key


def test_a_key_is_like_a_list_of_its_parts() -> None:
    key = FieldKey("audio/french")
    assert list(key) == ["audio", "french"]
    assert (key[0], key[-1], len(key)) == ("audio", "french", 2)
    assert "french" in key
    assert list(reversed(key)) == ["french", "audio"]


def test_keys_are_ordered_by_their_parts() -> None:
    texts = ["b", "a/b", "a", "a-b"]
    assert sorted(map(FeatureKey, texts)) == [FeatureKey(it) for it in ("a", "a/b", "a-b", "b")]
    assert FeatureKey("a") <= FeatureKey("a") < FeatureKey("b")
    with pytest.raises(TypeError, match="cannot compare"):
        sorted([FeatureKey("a"), "b"])  # pyright: ignore[reportArgumentType]


def test_a_feature_and_a_field_of_the_same_name_differ() -> None:
    assert FeatureKey("a") != FieldKey("a")
    assert FeatureKey("a") != "a"


def test_a_key_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        FeatureKey("a").root = ("b",)  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "FeatureKey parts cannot be empty"),
        ([], "FeatureKey parts cannot be empty"),
        ("a//b", "FeatureKey parts cannot be empty, as in `a//b`"),
        ("a__b", "FeatureKey part `a__b` cannot contain double underscores"),
        (["a/b", "c"], "FeatureKey part `a/b` cannot contain forward slashes"),
        ("1a", "FeatureKey first part `1a` is invalid: it must start with a lowercase letter or"),
        ("Video", "FeatureKey first part `Video` is invalid"),
        ("a/b c", "FeatureKey part `b c` is invalid"),
        ("a/b\n", "FeatureKey part `b\n` is invalid"),
        ("é", "FeatureKey first part `é` is invalid"),
        ("a/-b", "FeatureKey part `-b` is invalid"),
        (["a", 1], "Input should be a valid string"),
        (1, "cannot create FeatureKey from int"),
        (None, "cannot create FeatureKey from NoneType"),
        ({"other": "a"}, "cannot create FeatureKey from NoneType"),
    ],
)
def test_a_bad_key_is_refused_with_the_reason(given: object, message: str) -> None:
    with pytest.raises(ValidationError) as failure:
        TypeAdapter(FeatureKey).validate_python(given)
    assert message in str(failure.value)


def test_later_parts_may_start_with_a_digit() -> None:
    assert FeatureKey("a/1b").parts == ("a", "1b")


def test_whatever_names_a_feature_gives_its_key() -> None:
    with FeatureGraph().use():

        class Video(BaseFeature, spec=FeatureSpec(key="video/raw", id_columns=["id"])):
            id: str

        spec = Video.spec()
        definition = get_feature_by_key("video/raw")
    key = FeatureKey("video/raw")
    for given in ("video/raw", ["video", "raw"], key, Video, spec, definition):
        assert coerce_to_feature_key(given) == key
        assert ValidatedFeatureKeyAdapter.validate_python(given) == key
    assert isinstance(definition, FeatureDefinition)
    with pytest.raises(ValueError, match="`BaseFeature` is not a feature: it has no spec"):
        coerce_to_feature_key(BaseFeature)


def test_models_of_users_can_take_keys() -> None:
    class Job(BaseModel):
        feature: ValidatedFeatureKey

    job = Job.model_validate({"feature": ["video", "raw"]})
    assert job.model_dump_json() == '{"feature":"video/raw"}'


def test_lists_of_keys() -> None:
    keys = ValidatedFeatureKeySequenceAdapter.validate_python(["a", ["b", "c"]])
    assert keys == [FeatureKey("a"), FeatureKey("b/c")]
    assert ValidatedFieldKeySequenceAdapter.validate_python(["a"]) == [FieldKey("a")]
    with pytest.raises(ValidationError, match="give a list of keys"):
        ValidatedFeatureKeySequenceAdapter.validate_python("a/b")


def test_looking_up_what_is_not_there() -> None:
    with FeatureGraph().use(), pytest.raises(KeyError, match="No feature with key `video/raw`"):
        get_feature_by_key("video/raw")
