"""A project that was written for Metaxy."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import narwhals as nw
import polars as pl
import pytest
from pydantic import ValidationError

import metaxy as mx
from metaxy.command import lock
from metaxy.ext.dagster import MetaxyStoreFromConfigResource, delete, delete_metadata
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.graph import (
    GraphvizRenderer,
    MermaidRenderer,
    RenderConfig,
    TerminalRenderer,
    describe_graph,
    get_feature_dependencies,
    get_feature_dependents,
)
from metaxy.metadata_store import FeatureNotFoundError, StoreNotOpenError
from metaxy.metadata_store.system import SystemTableStorage
from metaxy.models import feature as feature_module
from metaxy.models.constants import METAXY_DELETED_AT, METAXY_PROVENANCE_BY_FIELD
from metaxy.models.filter_expression import (
    FilterParseError,
    NarwhalsFilter,
    parse_filter_string,
)

CONFIG = """
project = "shop"
store = "default"
entrypoints = ["features_of_the_shop"]

[stores.default]
type = "metaxy.metadata_store.delta.DeltaMetadataStore"

[stores.default.config]
root_path = "${SHOP_ROOT:-metadata}"
"""
FEATURES = """
import metaxy as mx


class Segment(
    mx.BaseFeature,
    spec=mx.FeatureSpec(key=["customer", "segment"], id_columns=["id"], fields=["status"]),
):
    id: str
    status: str | None = None
"""


@pytest.fixture(autouse=True)
def graph() -> Iterator[mx.FeatureGraph]:
    with mx.FeatureGraph().use() as graph:
        yield graph


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mx.MetaxyConfig]:
    (tmp_path / "metaxy.toml").write_text(CONFIG)
    (tmp_path / "features_of_the_shop.py").write_text(FEATURES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "features_of_the_shop", raising=False)
    with mx.MetaxyConfig().use():
        yield mx.init()


def segments(*ids: str, status: str = "active") -> pl.DataFrame:
    versions = [{"status": name} for name in ids]
    rows = {"id": list(ids), "status": status, METAXY_PROVENANCE_BY_FIELD: versions}
    return pl.DataFrame(rows)


def test_its_configuration_is_read(project: mx.MetaxyConfig, tmp_path: Path) -> None:
    store = project.get_store("default", expected_type=DeltaMetadataStore)
    assert store.root_path == str(tmp_path / "metadata")
    assert (project.project, project.hash_length) == ("shop", 8)
    (key,) = mx.FeatureGraph.get_active().list_features(only_current_project=False)
    assert len(mx.get_feature_by_key(key).spec.feature_spec_version) == 8


def test_samples_are_hashed_as_before(project: mx.MetaxyConfig) -> None:
    store = project.get_store()
    with store.open("w"):
        store.write("customer/segment", segments("c1"))
        assert store.hash_algorithm == "xxhash32"
        assert len(store.read("customer/segment").collect()["metaxy_provenance"][0]) >= 8


def test_the_names_before_2026_work(project: mx.MetaxyConfig) -> None:
    store = project.get_store()
    with store.open("write"):
        store.write_metadata("customer/segment", segments("c1", "c2"))
        store.delete_metadata("customer/segment", filters=nw.col("id") == "c1")
    with store:
        active = store.read_metadata("customer/segment").collect()
        everything = store.read_metadata("customer/segment", include_soft_deleted=True).collect()
        with pytest.raises(StoreNotOpenError):
            store.write_metadata("customer/segment", segments("c3"))
    assert active["id"].to_list() == ["c2"]
    deleted = everything.filter(~nw.col(METAXY_DELETED_AT).is_null())
    assert deleted["id"].to_list() == ["c1"]


@pytest.mark.parametrize("op", [delete, delete_metadata], ids=["delete", "delete_metadata"])
def test_dagster_deletes(project: mx.MetaxyConfig, op: dg.OpDefinition) -> None:
    store = project.get_store()
    with store.open("w"):
        store.write("customer/segment", segments("c1", status="inactive"))
        store.write("customer/segment", segments("c2"))

    @dg.job(resource_defs={"metaxy_store": MetaxyStoreFromConfigResource(name="default")})
    def cleanup_job() -> None:
        op()

    config = {"feature_key": ["customer", "segment"], "filters": ["status = 'inactive'"]}
    cleanup_job.execute_in_process(run_config={"ops": {op.name: {"config": config}}})
    with store:
        assert store.read("customer/segment").collect()["id"].to_list() == ["c2"]


def test_graphs_are_recorded(project: mx.MetaxyConfig) -> None:
    store = project.get_store()
    with store.open("w"):
        first = SystemTableStorage(store).push_graph_snapshot(project="shop")
        again = SystemTableStorage(store).push_graph_snapshot(project="shop")
    assert (first.already_pushed, again.already_pushed) == (False, True)
    assert (first.updated_features, again.updated_features) == ([], [])
    assert first.project_version == again.project_version
    (graph,) = SystemTableStorage(store).read_graph_snapshots("shop").to_dicts()
    assert (graph["metaxy_project_version"], graph["feature_count"]) == (first.project_version, 1)
    (row,) = SystemTableStorage(store).read_features().to_dicts()
    assert (row["project"], row["feature_key"]) == ("shop", "customer/segment")
    loaded = SystemTableStorage(store).load_graph_from_snapshot(first.project_version)
    assert [str(key) for key in loaded.feature_definitions_by_key] == ["customer/segment"]
    with pytest.raises(FeatureNotFoundError, match="No features recorded for snapshot nope"):
        SystemTableStorage(store).load_graph_from_snapshot("nope")


def test_rows_are_written_in_the_background(project: mx.MetaxyConfig) -> None:
    store = project.get_store()
    key = mx.FeatureKey("customer/segment")
    with mx.BufferedMetadataWriter(store, flush_batch_size=2) as writer:
        writer.put({key: segments("c1")})
        writer.put({key: segments("c2")})
        writer.put({key: segments("c3")})
        writer.flush()
        assert writer.num_written == {key: 3}
    with store:
        assert len(store.read(key).collect()) == 3


def test_what_fails_in_the_background_is_raised(project: mx.MetaxyConfig) -> None:
    writer = mx.BufferedMetadataWriter(project.get_store())
    with pytest.raises(RuntimeError, match="Writer has not been started"):
        writer.put({})
    writer.start()
    with pytest.raises(RuntimeError, match="Writer has already been started"):
        writer.start()
    writer.put({mx.FeatureKey("customer/segment"): pl.DataFrame({"nope": [1]})})
    with pytest.raises(RuntimeError, match="Writer encountered an error"):
        writer.stop()
    over = mx.BufferedMetadataWriter(project.get_store())
    over.start()
    assert over.stop() == {}
    with pytest.raises(RuntimeError, match="after writer has been stopped"):
        over.put({})


def test_features_of_other_projects_are_locked_and_loaded(
    project: mx.MetaxyConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mx.FeatureGraph().use(), project.get_store().open("w") as store:

        class Order(mx.BaseFeature, spec=mx.FeatureSpec(key="order", id_columns=["id"])):
            __metaxy_project__ = "sales"
            id: str

        SystemTableStorage(store).push_graph_snapshot(project="sales")
        version = Order.feature_version()
    spec = mx.FeatureSpec(key="invoice", id_columns=["id"], deps=["order"])

    class Invoice(mx.BaseFeature, spec=spec):
        __metaxy_project__ = "shop"
        id: str

    assert lock(project, []) == 0
    assert capsys.readouterr().err.startswith(f"+ order ({version})\n")
    assert lock(project, []) == 0
    assert "is up to date" in capsys.readouterr().err
    with mx.FeatureGraph().use() as graph:
        mx.init()
        assert graph.get_feature_definition("order").is_external
        assert graph.get_feature_version("order") == version
        with project.get_store() as store, pytest.raises(FeatureNotFoundError):
            # Reading looks what is on record: it is no external feature any more.
            store.read("order")
        assert not graph.has_external_features


def test_graphs_are_drawn_and_described(project: mx.MetaxyConfig) -> None:
    class Visit(
        mx.BaseFeature,
        spec=mx.FeatureSpec(key="visit", id_columns=["id"], deps=["customer/segment"]),
    ):
        id: str

    graph = mx.FeatureGraph.get_active()
    config = RenderConfig(hash_length=8, feature="visit", up=0)
    assert TerminalRenderer(graph).render().startswith("customer/segment  ")
    assert "customer" not in MermaidRenderer(graph, config).render().splitlines()[1]
    assert GraphvizRenderer(graph, RenderConfig.minimal()).render().startswith("digraph")
    described = describe_graph(graph)
    assert (described["total_features"], described["graph_depth"]) == (2, 2)
    assert described["leaf_features"] == ["visit"]
    found = get_feature_dependencies(graph, "visit", recursive=True)
    assert found["dependencies"] == [{"feature": "customer/segment", "dependencies": []}]
    (dependent,) = get_feature_dependents(graph, "customer/segment")["dependents"]
    assert dependent["feature"] == "visit"


@pytest.fixture
def activity() -> type[mx.BaseFeature]:
    class Activity(
        mx.BaseFeature,
        spec=mx.FeatureSpec(key="activity", id_columns=["id"], deps=["customer/segment"]),
    ):
        id: str

    return Activity


def test_stores_fall_back_to_others(
    project: mx.MetaxyConfig, tmp_path: Path, activity: type[mx.BaseFeature]
) -> None:
    behind = project.get_store("default")
    with behind.open("w"):
        behind.write("customer/segment", segments("c1", "c2"))
        expected = behind.resolve_update(activity).new["metaxy_provenance"].to_list()
    store = DeltaMetadataStore(tmp_path / "own", fallback_stores=["default"])
    with store.open("w"):
        assert not store.has_feature("customer/segment")
        assert store.has_feature("customer/segment", check_fallback=True)
        _, found = store.read("customer/segment", with_store_info=True)
        assert found.name == "default"
        with pytest.raises(FeatureNotFoundError):
            store.read("customer/segment", allow_fallback=False)
        new = store.resolve_update(activity).new
        assert sorted(new["metaxy_provenance"].to_list()) == sorted(expected)
        store.write(activity, new)
        assert len(store.resolve_update(activity).new) == 0
    with behind.open("w"):
        behind.write("customer/segment", segments("c2", "c3"))
        behind.delete("customer/segment", "id = 'c1'")
    with store:
        found = store.resolve_update(activity, lazy=True).collect()
    assert [sorted(frame["id"].to_list()) for frame in found] == [["c3"], [], ["c1"]]


def test_stores_may_name_each_other(tmp_path: Path, activity: type[mx.BaseFeature]) -> None:
    def place(name: str, behind: str) -> dict[str, Any]:
        settings = {"root_path": str(tmp_path / name), "fallback_stores": [behind]}
        return {"type": "metaxy.metadata_store.delta.DeltaMetadataStore", "config": settings}

    stores = {"dev": place("dev", "prod"), "prod": place("prod", "dev")}
    with mx.MetaxyConfig(stores=stores).use() as config, config.get_store("dev") as store:
        assert not store.has_feature(activity, check_fallback=True)


def test_stores_that_hash_otherwise_are_refused(project: mx.MetaxyConfig, tmp_path: Path) -> None:
    behind = project.get_store("default")
    with behind.open("w"):
        behind.write("customer/segment", segments("c1"))
    store = DeltaMetadataStore(tmp_path / "own", fallback_stores=[behind], hash_algorithm="md5")
    with pytest.raises(ValueError, match="md5"), store.open("w"):
        pass


def test_the_command_works_on_it(project: mx.MetaxyConfig, tmp_path: Path) -> None:
    store = project.get_store()
    with store.open("w"):
        store.write("customer/segment", segments("c1", "c2"))
    arguments = ["metadata", "delete", "--feature", "customer/segment", "--filter", "id = 'c1'"]
    done = subprocess.run(
        [sys.executable, "-m", "metaxy", *arguments, "--yes"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with store:
        assert store.read("customer/segment").collect()["id"].to_list() == ["c2"]


def declare(code_version: str) -> tuple[type[mx.BaseFeature], type[mx.BaseFeature]]:
    class Video(mx.BaseFeature, spec=mx.FeatureSpec(key="video", id_columns=["id"])):
        __metaxy_project__ = "shop"
        id: str

    fields = [mx.FieldSpec(key="default", code_version=code_version)]
    spec = mx.FeatureSpec(key="crop", id_columns=["id"], deps=[Video], fields=fields)

    class Crop(mx.BaseFeature, spec=spec):
        __metaxy_project__ = "shop"
        id: str

    return Video, Crop


def test_samples_are_rebased_from_one_version_to_another(tmp_path: Path) -> None:
    store = DeltaMetadataStore(tmp_path / "store")
    with mx.FeatureGraph().use(), store.open("w"):
        Video, Crop = declare("1")
        SystemTableStorage(store).push_graph_snapshot(project="shop")
        versions = [{"default": it} for it in "ab"]
        rows = {"id": ["a", "b"], METAXY_PROVENANCE_BY_FIELD: versions}
        store.write(Video, pl.DataFrame(rows))
        new = store.resolve_update(Crop).new.with_columns(size=nw.lit(7))
        store.write(Crop, new)
        store.delete(Video, "id = 'b'", soft=False)
        first, provenance = Crop.feature_version(), new["metaxy_provenance"].to_list()
        with pytest.raises(ValueError, match="Cannot rebase root feature video"):
            store.rebase(Video, store.read(Video))
    with mx.FeatureGraph().use(), store.open("w"):
        _, Crop = declare("2")
        old = store.read(Crop, feature_version=first, with_feature_history=True)
        rebased = store.rebase(Crop, old).collect()
        assert rebased["id"].to_list() == ["a"], "of `b` there is no video any more"
        assert rebased["metaxy_feature_version"].to_list() == [Crop.feature_version()]
        assert rebased["size"].to_list() == [7]
        store.write(Crop, rebased, preserve_feature_version=True)
        assert [len(it) for it in store.resolve_update(Crop)][:2] == [0, 0]
        back = store.rebase(Crop, rebased.to_native(), to_feature_version=first)
        assert isinstance(back, pl.DataFrame)
        assert back["metaxy_provenance"][0] in provenance
        store.write(Crop, back, preserve_feature_version=True)
        again = store.read(Crop, feature_version=first, with_feature_history=True).collect()
        assert sorted(again["id"].to_list()) == ["a", "b"]
        with pytest.raises(ValueError, match="version `nope` of `crop` is not found in"):
            store.rebase(Crop, old, to_feature_version="nope")


def test_rows_that_are_joined_by_hand_are_hashed(tmp_path: Path) -> None:
    with mx.FeatureGraph().use(), DeltaMetadataStore(tmp_path / "store").open("w") as store:
        Video, Crop = declare("1")
        rows = {"id": ["a"], METAXY_PROVENANCE_BY_FIELD: [{"default": "1"}]}
        store.write(Video, pl.DataFrame(rows))
        videos = store.read(Video).collect().to_polars()
        with pytest.raises(ValueError, match="missing required upstream columns: `metaxy_data_ver"):
            store.compute_provenance(Crop, videos)
        versions = pl.col("metaxy_data_version_by_field").alias(
            "metaxy_data_version_by_field" + Video.spec().key.to_column_suffix()
        )
        found = store.compute_provenance(Crop, videos.select("id", versions))
        expected = store.resolve_update(Crop).new["metaxy_provenance"].to_list()
        assert found["metaxy_provenance"].to_list() == expected


def test_rebased_samples_have_the_fields_of_their_version(tmp_path: Path) -> None:
    store = DeltaMetadataStore(tmp_path / "store")
    with mx.FeatureGraph().use(), store.open("w"):
        Video, Crop = declare("1")
        versions = [{"default": it} for it in "ab"]
        rows = {"id": ["a", "b"], METAXY_PROVENANCE_BY_FIELD: versions}
        store.write(Video, pl.DataFrame(rows))
        new = store.resolve_update(Crop).new
        given = nw.when(nw.col("id") == "a").then(nw.lit("mine"))
        own = given.otherwise(nw.col("metaxy_data_version"))
        store.write(Crop, new.with_columns(own.alias("metaxy_data_version")))
        first = Crop.feature_version()
    with mx.FeatureGraph().use(), store.open("w"):
        Video, _ = declare("1")
        mx.FeatureGraph.get_active().remove_feature("crop")
        fields = ["default", "thumbnail"]
        spec = mx.FeatureSpec(key="crop", id_columns=["id"], deps=[Video], fields=fields)

        class Crop2(mx.BaseFeature, spec=spec):
            id: str

        old = store.read(Crop2, feature_version=first, with_feature_history=True)
        store.write(Crop2, store.rebase(Crop2, old), preserve_feature_version=True)
        found = store.read(Crop2).sort("id").collect()
        assert [sorted(it) for it in found[METAXY_PROVENANCE_BY_FIELD].to_list()] == [fields] * 2
        mine, theirs = found.rows(named=True)
        assert mine["metaxy_data_version"] == "mine"
        assert theirs["metaxy_data_version"] == theirs["metaxy_provenance"]


def test_filters_in_text_are_expressions(project: mx.MetaxyConfig) -> None:
    store = project.get_store()
    condition = parse_filter_string("id IN ('c1', 'c3') AND NOT status = 'gone'")
    with store.open("w"):
        store.write("customer/segment", segments("c1", "c2"))
        kept = store.read("customer/segment", filters=condition).collect()
    assert kept["id"].to_list() == ["c1"]
    assert nw.from_native(segments("c1", "c2")).filter(condition)["id"].to_list() == ["c1"]
    written = NarwhalsFilter.model_validate("id = 'c2'").model_dump_json()
    again = NarwhalsFilter.model_validate_json(written).to_expr()
    assert nw.from_native(segments("c1", "c2")).filter(again)["id"].to_list() == ["c2"]
    with pytest.raises(FilterParseError, match="Unsupported expression: `LIKE` cannot be used"):
        parse_filter_string("id LIKE 'c%'")


def test_a_selection_of_nothing_is_an_error() -> None:
    both = mx.FeatureSelection(projects=["a", "b"])
    assert (both & mx.FeatureSelection(projects=["b"])).projects == ["b"]
    assert (both - mx.FeatureSelection(projects=["b"])).projects == ["a"]
    for made in (
        lambda: both & mx.FeatureSelection(projects=["c"]),
        lambda: both - mx.FeatureSelection(all=True),
    ):
        with pytest.raises(ValidationError, match="At least one"):
            made()


def test_a_graph_that_is_put_in_place_is_the_active_one() -> None:
    before, graph = feature_module.graph, mx.FeatureGraph()
    try:
        feature_module.graph = graph
        assert mx.FeatureGraph.get_active() is graph
        assert mx.current_graph() is feature_module.graph
    finally:
        feature_module.graph = before
