"""Features as assets."""

from pathlib import Path
from typing import Any, cast

import dagster as dg
import narwhals as nw
import pandas as pd
import polars as pl
import pytest

import metalith as ml
import metalith.ext.dagster as mld
from ext_dagster.media import videos
from metalith.errors import InvalidError

Feature = type[ml.BaseFeature]


def spec_of(asset: dg.AssetsDefinition) -> dg.AssetSpec:
    (spec,) = asset.specs
    return spec


def test_an_asset_becomes_that_of_its_feature(video: Feature, chunk: Feature) -> None:
    @dg.asset
    def raw_data() -> None: ...

    @mld.metalithify()
    @dg.asset(metadata={"metaxy/feature": "video/chunk"}, deps=[raw_data], code_version="v1")
    def chunks() -> None:
        """Chunks of videos."""

    spec = spec_of(chunks)
    assert spec.key == dg.AssetKey(["video", "chunk"])
    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {"raw_data", "video/raw"}
    assert spec.code_version == f"v1,metaxy:{chunk.spec().code_version}"
    assert spec.kinds == {"metaxy"}
    assert spec.description == "Chunks of videos."
    assert spec.tags["metaxy/feature_version"] == chunk.feature_version()[:63]
    info = spec.metadata["metaxy/info"]
    assert info["feature"]["version"] == chunk.feature_version()
    assert info["metaxy"]["version"] == ml.__version__
    schema: dg.TableSchema = spec.metadata["dagster/column_schema"]
    assert [it.name for it in schema.columns if not it.name.startswith("metaxy_")] == [
        "chunk_id",
        "video_id",
        "video_path",
    ]
    lineage: dg.TableColumnLineage = spec.metadata["dagster/column_lineage"]
    upstream = dg.AssetKey(["video", "raw"])
    assert lineage.deps_by_column["video_path"] == [dg.TableColumnDep(upstream, "path")]
    assert lineage.deps_by_column["video_id"] == [dg.TableColumnDep(upstream, "video_id")]
    assert "metaxy_provenance" in lineage.deps_by_column


def test_what_a_feature_says_about_its_asset_comes_last(video: Feature) -> None:
    @mld.metaxify
    @dg.asset(metadata={"metaxy/feature": "video/raw"}, group_name="other", kinds={"a", "b", "c"})
    def raw() -> None: ...

    spec = spec_of(raw)
    assert (spec.group_name, list(spec.owners)) == ("media", ["team:video"])
    assert spec.description == "Videos as they come."
    assert spec.kinds == {"a", "b", "c", "metaxy"}
    assert "dagster/column_lineage" not in spec.metadata


def test_no_more_kinds_are_given_than_dagster_allows(video: Feature) -> None:
    kinds = set("abcdefghij")
    given = dg.AssetSpec("raw", metadata={"metaxy/feature": "video/raw"}, kinds=kinds)
    assert mld.metaxify(given).kinds == kinds


def test_parts_can_be_left_out(video: Feature) -> None:
    options = {
        "inject_metaxy_kind": False,
        "inject_code_version": False,
        "set_description": False,
        "inject_column_schema": False,
        "inject_column_lineage": False,
    }
    given = dg.AssetSpec("raw", metadata={"metaxy/feature": "video/raw"})
    spec = mld.metalithify(**options)(given)
    assert not spec.kinds
    assert (spec.code_version, spec.description) == (None, None)
    assert "dagster/column_schema" not in spec.metadata


def test_keys_can_be_given(video: Feature, chunk: Feature) -> None:
    given = dg.AssetSpec("chunks", metadata={"metaxy/feature": "video/chunk"})
    assert mld.metalithify(key="mine")(given).key == dg.AssetKey("mine")
    prefixed = mld.metalithify(key_prefix=["eu"])(given)
    assert prefixed.key == dg.AssetKey(["eu", "video", "chunk"])
    assert [dep.asset_key for dep in prefixed.deps] == [dg.AssetKey(["eu", "video", "raw"])]
    with pytest.raises(InvalidError, match="exclude each other"):
        mld.metalithify(key="a", key_prefix="b")


def test_assets_of_other_things_stay_as_they_are(video: Feature) -> None:
    @mld.metalithify
    @dg.multi_asset(
        specs=[dg.AssetSpec("other"), dg.AssetSpec("v", metadata={"metaxy/feature": "video/raw"})]
    )
    def several(): ...

    kinds = {spec.key.to_user_string(): spec.kinds for spec in several.specs}
    assert kinds == {"other": set(), "video/raw": {"metaxy"}}


def test_a_feature_that_is_not_there_is_named() -> None:
    with pytest.raises(ml.errors.UnknownFeatureError, match="No feature with key `video/nope`"):
        mld.metalithify(dg.AssetSpec("a", metadata={"metaxy/feature": "video/nope"}))


def test_assets_can_be_selected(video: Feature, chunk: Feature) -> None:
    def asset(name: str, **options: Any) -> dg.AssetsDefinition:
        return dg.asset(name=name, **options)(lambda: None)

    features = [asset("a", metadata={"metaxy/feature": it}) for it in ("video/raw", "video/chunk")]
    assets = [*map(mld.metalithify, features), asset("other")]
    graph = dg.Definitions(assets=assets).resolve_asset_graph()

    def selected(**options: Any) -> set[str]:
        selection = mld.select_metaxy_assets(**options)
        return {it.to_user_string() for it in selection.resolve(graph)}

    assert selected() == {"video/raw", "video/chunk"}
    assert selected(project=video.metaxy_project()) == {"video/raw", "video/chunk"}
    assert selected(project="nobody") == set()
    assert selected(feature=chunk) == {"video/chunk"}


def test_samples_go_in_and_out_of_assets(
    video: Feature,
    chunk: Feature,
    resources: dict[str, Any],
    instance: dg.DagsterInstance,
    store: ml.MetadataStore,
) -> None:
    @mld.metalithify
    @dg.asset(metadata={"metaxy/feature": "video/raw"}, io_manager_key="io")
    def raw() -> pl.DataFrame:
        return videos("v1", "v2", path="s3://media")

    @mld.metalithify
    @dg.asset(
        metadata={"metaxy/feature": "video/chunk"},
        io_manager_key="io",
        ins={"raw": dg.AssetIn(["video", "raw"])},
    )
    def chunks(raw: Any) -> Any:
        assert isinstance(raw, nw.LazyFrame)
        hashes = nw.struct(nw.col("metaxy_data_version").alias("frames"))
        found = raw.with_columns(nw.col("video_id").alias("chunk_id"))
        return found.select(
            "video_id", "chunk_id", hashes.alias("metaxy_provenance_by_field")
        ).collect()

    result = dg.materialize([raw, chunks], resources=resources, instance=instance)
    assert result.success
    with store:
        rows = store.read(chunk).collect()
    assert sorted(rows["chunk_id"].to_list()) == ["v1", "v2"]
    assert set(rows["metaxy_materialization_id"].to_list()) == {result.run_id}
    _, event = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["metaxy/feature"].value == "video/chunk"
    assert metadata["dagster/row_count"].value == 2
    assert metadata["metaxy/materialized_in_run"].value == 2
    described: Any = metadata["metaxy/store"].value
    assert described["name"] == "dev"
    assert described["type"] == "metalith.stores.delta.DeltaMetadataStore"
    assert metadata["dagster/uri"].value == described["resolved_from"]["uri"]
    assert Path(described["resolved_from"]["uri"]).name == "chunk.delta"


def test_an_asset_may_write_by_itself(
    video: Feature, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    @mld.metalithify
    @dg.asset(metadata={"metaxy/feature": "video/raw"}, io_manager_key="io")
    def raw(context: dg.AssetExecutionContext, store: dg.ResourceParam[ml.MetadataStore]) -> Any:
        assert store.materialization_id == context.run.run_id
        if not context.run.tags.get("empty"):
            with store.open("write"):
                store.write(video, videos("v1"))

    empty = dg.materialize([raw], resources=resources, instance=instance, tags={"empty": "yes"})
    (event,) = empty.get_asset_materialization_events()
    assert "metaxy/feature" not in event.step_materialization_data.materialization.metadata
    result = dg.materialize([raw], resources=resources, instance=instance)
    (event,) = result.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["metaxy/materialized_in_run"].value == 1


def test_an_asset_without_feature_is_refused_by_the_io_manager(
    resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    @dg.asset(io_manager_key="io")
    def other() -> pl.DataFrame:
        return pl.DataFrame()

    with pytest.raises(InvalidError, match="asset `other` names no feature"):
        dg.materialize([other], resources=resources, instance=instance)


def test_types_take_frames(video: Feature) -> None:
    kind = mld.feature_to_dagster_type(video)
    assert (kind.display_name, kind.description) == ("video__raw", "Videos as they come.")
    assert "dagster/column_schema" in kind.metadata
    context: Any = None
    for value in (videos("a"), videos("a").lazy(), pd.DataFrame(), None, nw.from_native(videos())):
        assert kind.type_check(context, value).success
    failed = kind.type_check(context, [1])
    assert not failed.success
    assert failed.description == "`video/raw` takes a frame or None, not a value of type `list`"


def test_external_features_have_no_columns(graph: ml.FeatureGraph) -> None:
    spec = ml.FeatureSpec(key="theirs", id_columns=["id"])
    definition = ml.FeatureDefinition.external(spec=spec, project="theirs")
    graph.add_feature_definition(definition)
    with pytest.raises(ImportError, match="external feature"):
        mld.build_column_schema(definition)
    made = mld.metalithify(dg.AssetSpec("x", metadata={"metaxy/feature": "theirs"}))
    assert made.key == dg.AssetKey("theirs")


def test_rows_are_shown_with_nested_values_cut_short() -> None:
    rows = pl.LazyFrame(
        {
            "id": range(7),
            "tags": [[1, 2], [], None, [1], [1, 2], [10, 20, 30], [4, 5, 6, 7]],
            "hashes": [{"a": "x", "b": None}] * 7,
        }
    )
    table = mld.build_table_preview_metadata(nw.from_native(rows), dg.TableSchema([]), n_rows=2)
    assert [record.data for record in table.records] == [
        {"id": 5, "tags": "[10,..,30]", "hashes": '{"a":"x","b":null}'},
        {"id": 6, "tags": "[4,..,7]", "hashes": '{"a":"x","b":null}'},
    ]


def test_an_input_tells_which_store_it_was_read_from(
    video: Feature, chunk: Feature, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    behind: Any = {"path": str(tmp_path / "behind")}
    front: Any = {"path": str(tmp_path / "front"), "fallback_stores": ["behind"]}
    with ml.MetalithConfig(project="media", stores={"dev": front, "behind": behind}).use() as it:
        with it.get_store("behind").open("write") as store:
            store.write(video, videos("v1"))
        resource = mld.MetalithStoreFromConfigResource(name="dev")
        io = mld.MetalithIOManager(store=resource)  # pyright: ignore[reportArgumentType]
        source = dg.AssetSpec("raw", metadata={"metaxy/feature": "video/raw"})

        @dg.asset(metadata={"metaxy/feature": "video/chunk"}, io_manager_key="io")
        def chunks(raw: Any) -> None:
            assert len(raw.collect()) == 1

        ran = dg.materialize(
            [source.with_io_manager_key("io"), chunks],
            resources={"io": io},
            instance=instance,
            selection=[chunks],
        )
    (loaded,) = [it for it in ran.all_events if it.event_type_value == "LOADED_INPUT"]
    told = cast("Any", loaded.event_specific_data).metadata
    assert Path(told["dagster/uri"].value).is_relative_to(tmp_path / "behind")
    with ml.MetalithConfig(project="media", stores={"behind": behind}).use() as it:
        assert told["metaxy/store"].value == it.get_store("behind").display()
    assert told["name"].value == "dev"
