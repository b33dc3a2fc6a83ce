"""Looking at features, and checking them."""

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import metalith as ml
import metalith.ext.dagster as mld
from ext_dagster.media import videos, write_all
from metalith.errors import InvalidError

Feature = type[ml.BaseFeature]


def observed(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in result.all_events:
        if event.event_type_value == "ASSET_OBSERVATION":
            data: Any = event.event_specific_data
            found[event.asset_key.to_user_string()] = data.asset_observation  # pyright: ignore
    return found


def specs(*features: str) -> list[dg.AssetSpec]:
    return [dg.AssetSpec(it.split("/"), metadata={"metaxy/feature": it}) for it in features]


def test_results_come_upstreams_first(
    store: ml.MetadataStore, video: Feature, chunk: Feature, faces: Feature
) -> None:
    write_all(store, video, chunk, faces)
    given = [*specs("video/faces", "video/raw", "video/chunk"), dg.AssetSpec("other")]
    for generate in (mld.generate_materialize_results, mld.generate_observe_results):
        results = list(generate(dg.build_asset_context(), store, given))
        keys = [it.asset_key.to_user_string() for it in results if it.asset_key]
        assert keys == ["video/raw", "video/chunk", "video/faces"]
        assert [it.metadata["dagster/row_count"] for it in results if it.metadata] == [2, 4, 4]
        (tags, *_) = [it.tags for it in results]
        assert tags is not None
        assert tags["metaxy/feature_version"] == video.feature_version()[:63]


def test_features_that_are_not_stored_are_left_out(store: ml.MetadataStore, video: Feature) -> None:
    given = specs("video/raw")
    assert list(mld.generate_materialize_results(dg.build_op_context(), store, given)) == []
    with pytest.raises(ValueError, match="specs must be provided"):
        list(mld.generate_materialize_results(dg.build_op_context(), store))


def test_a_multi_asset_reports_its_own_specs(
    *,
    store: ml.MetadataStore,
    video: Feature,
    chunk: Feature,
    faces: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
) -> None:
    write_all(store, video, chunk, faces)

    @dg.multi_asset(specs=specs("video/raw", "video/chunk"))
    def several(context: dg.AssetExecutionContext, store: mld.MetalithStoreFromConfigResource):
        yield from mld.generate_materialize_results(context, store)

    result = dg.materialize([several], resources=resources, instance=instance)
    events = result.get_asset_materialization_events()
    found = [it.step_materialization_data.materialization for it in events]
    assert [it.asset_key.to_user_string() for it in found] == ["video/raw", "video/chunk"]
    # Another run wrote them.
    assert [it.metadata["metaxy/materialized_in_run"].value for it in found] == [0, 0]


def test_the_data_version_follows_the_samples(store: ml.MetadataStore, video: Feature) -> None:
    def version() -> mld.FeatureStats:
        with store:
            return mld.compute_feature_stats(store, video)

    with store.open("write"):
        store.write(video, videos("v1"))
    first = version()
    with store.open("write"):
        store.write(video, videos("v1"))
    assert version() == first
    with store.open("write"):
        store.write(video, videos("v2"))
    assert version().row_count == 2
    assert version().data_version != first.data_version
    with store.open("write"):
        store.delete(video, "video_id = 'v2'")
    assert version() == first
    with store.open("write"):
        store.delete(video, None)
    assert version() == mld.FeatureStats(0, dg.DataVersion("empty"))


def test_what_others_write_can_be_observed(
    store: ml.MetadataStore,
    video: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
) -> None:
    with store.open("write"):
        store.write(video, videos("v1", "v2"))

    @mld.observable_metaxy_asset(video)
    def theirs(context: Any, store: ml.MetadataStore, rows: Any) -> dict[str, Any]:
        return {"ids": sorted(rows.collect()["video_id"].to_list())}

    assert theirs.is_observable
    assert theirs.key == dg.AssetKey(["video", "raw"])
    assert theirs.description == "Videos as they come."
    job = dg.Definitions(assets=[theirs], resources=resources).get_implicit_global_asset_job_def()
    observation = observed(job.execute_in_process(instance=instance))["video/raw"]
    assert observation.metadata["dagster/row_count"].value == 2
    assert observation.metadata["ids"].value == ["v1", "v2"]
    assert observation.data_version != "empty"


def test_a_job_observes_a_feature(
    *,
    store: ml.MetadataStore,
    video: Feature,
    chunk: Feature,
    faces: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
) -> None:
    write_all(store, video, chunk, faces)
    (job,) = mld.build_metaxy_observation_job(specs("video/raw")[0])
    assert job.name == "observe_video__raw"
    found = observed(job.execute_in_process(resources=resources, instance=instance))
    assert found["video/raw"].metadata["dagster/row_count"].value == 2
    every = mld.build_metaxy_multi_observation_job(
        "all", assets=specs("video/faces", "video/raw"), store_resource_key="metaxy_store"
    )
    assert (every.description or "").startswith("Observe 2 Metaxy assets:\n\n- video/raw: ")
    found = observed(every.execute_in_process(resources=resources, instance=instance))
    assert list(found) == ["video/raw", "video/faces"]
    only = {"ops": {"all_fanout": {"config": {"asset_keys": ["video/faces"]}}}}
    result = every.execute_in_process(resources=resources, instance=instance, run_config=only)
    assert list(observed(result)) == ["video/faces"]
    wrong = {"ops": {"all_fanout": {"config": {"asset_keys": ["video/nope"]}}}}
    with pytest.raises(InvalidError, match="this job does not observe `video/nope`"):
        every.execute_in_process(resources=resources, instance=instance, run_config=wrong)


def test_a_job_observes_a_selection(video: Feature, chunk: Feature) -> None:
    defs = dg.Definitions(assets=specs("video/raw", "video/chunk"))
    selection = dg.AssetSelection.assets(["video", "chunk"])
    job = mld.build_metaxy_multi_observation_job("some", asset_selection=selection, defs=defs)
    assert "Observe 1 Metaxy assets" in (job.description or "")
    with pytest.raises(InvalidError, match="Must provide either"):
        mld.build_metaxy_multi_observation_job("none")
    with pytest.raises(InvalidError, match="requires 'defs'"):
        mld.build_metaxy_multi_observation_job("none", asset_selection=selection)
    with pytest.raises(InvalidError, match="Cannot provide both"):
        mld.build_metaxy_multi_observation_job("none", assets=[], defs=defs)
    with pytest.raises(InvalidError, match="No assets have specs"):
        mld.build_metaxy_multi_observation_job("none", assets=[dg.AssetSpec("other")])
    with pytest.raises(ValueError, match="no specs with 'metaxy/feature' metadata"):
        mld.build_metaxy_observation_job(dg.AssetSpec("other"))


def test_a_feature_that_is_not_stored_is_observed_as_empty(
    video: Feature, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    (job,) = mld.build_metaxy_observation_job(specs("video/raw")[0])
    found = observed(job.execute_in_process(resources=resources, instance=instance))
    assert found["video/raw"].metadata["error"].value == "Feature not found"


def test_jobs_are_partitioned_as_their_assets_are(
    store: ml.MetadataStore,
    video: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
) -> None:
    with store.open("write"):
        store.write(video, videos("v1", "v2", day="2024-01-01"))
        store.write(video, videos("v3", day="2024-01-02"))
    days = dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02"])
    spec = dg.AssetSpec(
        ["video", "raw"],
        metadata={"metaxy/feature": "video/raw", "partition_by": "day"},
        partitions_def=days,
    )
    (job,) = mld.build_metaxy_observation_job(spec)
    assert job.partitions_def == days
    result = job.execute_in_process(
        resources=resources, instance=instance, partition_key="2024-01-01"
    )
    metadata = observed(result)["video/raw"].metadata
    assert metadata["dagster/row_count"].value == 3
    assert metadata["dagster/partition_row_count"].value == 2


@pytest.fixture
def clip(tmp_path: Path) -> Feature:
    class Clip(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key="clip", id_columns=["id"], objects=[ml.SampleObjects(column="file")]
        ),
    ):
        id: str
        file: str | None = None

    return Clip


def checked(
    check: dg.AssetChecksDefinition, resources: dict[str, Any], instance: dg.DagsterInstance
) -> dg.AssetCheckEvaluation:
    (spec,) = check.check_specs
    asset = dg.AssetSpec(spec.asset_key)
    defs = dg.Definitions(assets=[asset], asset_checks=[check], resources=resources)
    job = defs.get_implicit_global_asset_job_def()
    (found,) = job.execute_in_process(instance=instance).get_asset_check_evaluations()
    return found


def test_integrity_is_checked_against_storage(
    tmp_path: Path,
    store: ml.MetadataStore,
    clip: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
) -> None:
    here, gone = tmp_path / "objects" / "a.mp4", tmp_path / "objects" / "b.mp4"
    here.parent.mkdir()
    here.write_bytes(b"film")
    rows = {
        "id": ["a", "b"],
        "file": [f"file://{here}", f"file://{gone}"],
        "metaxy_provenance_by_field": [{"default": "1"}, {"default": "2"}],
    }
    with store.open("write"):
        store.write(clip, pl.DataFrame(rows))
    check = mld.build_integrity_check(clip, prefixes=[f"file://{here.parent}"])
    found = checked(check, resources, instance)
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert found.metadata["metaxy/missing_objects"].value == 1
    gone.write_bytes(b"film")
    assert checked(check, resources, instance).passed


def test_integrity_is_checked_against_upstreams(
    *,
    store: ml.MetadataStore,
    video: Feature,
    chunk: Feature,
    faces: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
) -> None:
    write_all(store, video, chunk, faces)
    asset = mld.metalithify(dg.AssetSpec("f", metadata={"metaxy/feature": "video/faces"}))
    check = mld.build_integrity_check(asset)
    assert checked(check, resources, instance).passed
    with store.open("write"):
        store.delete(chunk, "chunk_id = 'v1a'")
    found = checked(check, resources, instance)
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.description == "`video/faces`: 1 samples whose upstream is gone"
