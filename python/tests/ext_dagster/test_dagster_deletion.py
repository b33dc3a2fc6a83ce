"""Deleting samples from a job."""

from typing import Any
from unittest.mock import MagicMock

import dagster as dg
import pytest

import metalith as ml
from ext_dagster.media import videos, write_all
from metalith.ext.dagster import (
    MetalithStoreFromConfigResource,
    MetaxyStoreFromConfigResource,
    delete_metadata,
)

Feature = type[ml.BaseFeature]


@dg.job(resource_defs={"metaxy_store": MetaxyStoreFromConfigResource(name="dev")})
def cleanup_job() -> None:
    delete_metadata()


def run(instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    return cleanup_job.execute_in_process(
        run_config={"ops": {"delete_metadata": {"config": config}}},
        instance=instance,
        raise_on_error=False,
    )


def logged(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    return [it.user_message for it in instance.all_logs(result.run_id)]


def ids(store: ml.MetadataStore, feature: Feature, **options: Any) -> list[str]:
    column = feature.spec().id_columns[0]
    with store:
        return sorted(store.read(feature, **options).collect()[column].to_list())


def test_samples_are_hidden(
    instance: dg.DagsterInstance, store: ml.MetadataStore, video: Feature
) -> None:
    with store.open("write"):
        store.write(video, videos("v1", "v2"))
    result = run(instance, feature_key=["video", "raw"], filters=["video_id = 'v1'"], soft=True)
    assert result.success
    assert ids(store, video) == ["v2"]
    assert ids(store, video, include_soft_deleted=True) == ["v1", "v2"]


def test_or_gone_for_good(
    instance: dg.DagsterInstance, store: ml.MetadataStore, video: Feature
) -> None:
    with store.open("write"):
        store.write(video, videos("v1", "v2"))
    filters = ["video_id = 'v1'", "video_id <> 'v2'"]
    assert run(instance, feature_key=["video", "raw"], filters=filters, soft=False).success
    assert ids(store, video, include_soft_deleted=True) == ["v2"]


def test_a_cascade_tells_its_order(
    instance: dg.DagsterInstance,
    store: ml.MetadataStore,
    video: Feature,
    chunk: Feature,
    faces: Feature,
) -> None:
    write_all(store, video, chunk, faces)
    result = run(
        instance,
        feature_key=["video", "raw"],
        filters=["video_id = 'v1'"],
        soft=True,
        cascade="downstream",
        reason="asked for by its owner",
    )
    assert result.success
    assert ids(store, faces) == ["v2a", "v2b"]
    messages = logged(instance, result)
    order = "in this order: `video/faces` → `video/chunk` → `video/raw`"
    assert f"soft deletion of `video/raw` where (video_id = 'v1'); {order}" in messages
    steps = [it for it in messages if it[:2] in ("1.", "2.", "3.")]
    assert steps == [
        "1. `video/faces`: deleted 2 samples",
        "2. `video/chunk`: deleted 2 samples",
        "3. `video/raw`: deleted 1 samples",
    ]
    with store:
        (deletion,) = store.deletions()
    assert deletion["actor"] == f"dagster:{result.run_id}"
    assert deletion["reason"] == "asked for by its owner"


def test_what_protects_samples_fails_the_run(
    instance: dg.DagsterInstance, store: ml.MetadataStore, video: Feature
) -> None:
    with store.open("write"):
        store.write(video, videos("v1", "v2"))
    key = ["video", "raw"]
    held = run(instance, feature_key=key, filters=["video_id = 'v1'"], hold=True, reason="case 17")
    assert held.success
    failed = run(instance, feature_key=key, filters=[])
    assert not failed.success
    (failure,) = failed.get_failed_step_keys()
    assert failure == "delete_metadata"
    error = failed.failure_data_for_node("delete_metadata")
    assert error is not None
    assert error.error is not None
    assert "case 17" in error.error.to_string()
    assert ids(store, video) == ["v1", "v2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cascade": "sideways"}, "is no cascade: choose one of none, downstream"),
        ({"hold": True, "cascade": "both"}, "a hold is on one feature"),
        ({"filter": "a"}, 'unexpected config entry "filter"'),
        ({"feature_key": ["video", "nope"]}, "No feature with key `video/nope`"),
        ({"filters": ["nope = 1"]}, "unknown column `nope`"),
    ],
)
def test_mistakes_are_named(
    instance: dg.DagsterInstance,
    store: ml.MetadataStore,
    video: Feature,
    change: dict[str, Any],
    message: str,
) -> None:
    with store.open("write"):
        store.write(video, videos("v1"))
    given = {"feature_key": ["video", "raw"], "filters": ["video_id = 'v1'"], **change}
    with pytest.raises(Exception, match=message):
        cleanup_job.execute_in_process(
            run_config={"ops": {"delete_metadata": {"config": given}}}, instance=instance
        )


def test_filters_must_be_written(instance: dg.DagsterInstance, video: Feature) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="filters"):
        run(instance, feature_key=["video", "raw"])


def test_the_op_can_be_called_by_itself() -> None:
    store = MagicMock()
    config = {"feature_key": ["a", "b"], "filters": ["x = 1"], "soft": False}
    delete_metadata(dg.build_op_context(resources={"metaxy_store": store}, op_config=config))
    store.delete_metadata.assert_called_once_with(
        ml.FeatureKey("a/b"), filters=["x = 1"], soft=False
    )


def test_both_names_are_of_one_resource() -> None:
    assert MetaxyStoreFromConfigResource is MetalithStoreFromConfigResource
