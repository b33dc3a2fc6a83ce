"""What the calls of Metaxy's stores take and give otherwise than Metalith's."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

import metaxy as mx
from metaxy.ext.duckdb import DuckDBMetadataStore, ExtensionSpec
from metaxy.ext.polars.handlers.delta import DeltaMetadataStore
from metaxy.metadata_store import StoreNotOpenError
from metaxy.metadata_store.system import FEATURE_VERSIONS_KEY, SystemTableStorage
from metaxy.metadata_store.warnings import (
    MetaxyColumnMissingWarning,
    PolarsMaterializationWarning,
)

BY_FIELD = "metaxy_provenance_by_field"


@pytest.fixture(autouse=True)
def project() -> Iterator[None]:
    with mx.FeatureGraph().use(), mx.MetaxyConfig(project="media").use():
        yield


@pytest.fixture
def clip() -> type[mx.BaseFeature]:
    class Clip(mx.BaseFeature, spec=mx.FeatureSpec(key="raw/clip", id_columns=["id"])):
        id: str

    return Clip


@pytest.fixture
def crop(clip: type[mx.BaseFeature]) -> type[mx.BaseFeature]:
    class Crop(mx.BaseFeature, spec=mx.FeatureSpec(key="crop", id_columns=["id"], deps=[clip])):
        id: str

    return Crop


@pytest.fixture(params=["delta", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "delta":
        return DeltaMetadataStore(tmp_path / "store")
    return DuckDBMetadataStore(tmp_path / "it.duckdb")


def rows(*ids: str, version: str = "h") -> pl.DataFrame:
    hashes = [{"default": f"{version}{it}"} for it in ids]
    return pl.DataFrame({"id": list(ids), BY_FIELD: hashes})


def told(kind: type[Warning], work: Callable[[], object]) -> list[str]:
    """What is warned of while something is done."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        work()
    return [str(it.message) for it in warned if issubclass(it.category, kind)]


def test_versions_may_be_named_where_the_graph_has_them(
    store: Any, clip: type[mx.BaseFeature], crop: type[mx.BaseFeature]
) -> None:
    with store.open("w"):
        store.write(clip, rows("a", "b"))
        found = store.resolve_update(
            crop, target_version=crop.feature_version(), project_version="of the graph"
        )
        assert len(found.new) == 2
        with pytest.raises(TypeError):
            store.resolve_update(crop, target="?")
        with pytest.raises(NotImplementedError, match="a table of the system"):
            store.resolve_update(FEATURE_VERSIONS_KEY)
        with pytest.raises(ValueError, match="with_feature_history"):
            store.read(clip, feature_version=clip.feature_version())


def test_how_a_store_hashes_may_be_said_later(tmp_path: Path, clip: type[mx.BaseFeature]) -> None:
    store = DeltaMetadataStore(tmp_path / "store")
    assert store.hash_algorithm is mx.HashAlgorithm.XXHASH32
    store.hash_algorithm = mx.HashAlgorithm.FARMHASH
    with pytest.raises(NotImplementedError, match="farmhash"):
        store.validate_hash_algorithm()
    store.hash_algorithm = mx.HashAlgorithm.MD5
    store.validate_hash_algorithm()
    behind = DeltaMetadataStore(tmp_path / "other", fallback_stores=[store])
    with pytest.raises(ValueError, match="uses hash_algorithm='md5'"):
        behind.validate_hash_algorithm()
    behind.validate_hash_algorithm(check_fallback_stores=False)
    plan = mx.FeatureGraph.get_active().get_feature_plan(clip)
    with store.open("w"):
        store.write(clip, rows("a"))
        written = store.read(clip).collect()
    hashed = store.hash_struct_version_column(plan, written, BY_FIELD, "again")
    assert hashed["again"].to_list() == written["metaxy_provenance"].to_list()


def test_rows_that_were_not_resolved_are_warned_of(
    store: Any, clip: type[mx.BaseFeature], crop: type[mx.BaseFeature]
) -> None:
    with store.open("w"):
        of_root = told(MetaxyColumnMissingWarning, lambda: store.write(clip, rows("a")))
        resolved = store.resolve_update(crop).new
        as_found = told(MetaxyColumnMissingWarning, lambda: store.write(crop, resolved))
        by_hand = told(MetaxyColumnMissingWarning, lambda: store.write(crop, rows("a")))
    assert (of_root, as_found) == ([], [])
    assert len(by_hand) == 1 and "`crop` lack the column `metaxy_provenance`" in by_hand[0]


def test_a_database_that_lacks_an_upstream_says_so(
    tmp_path: Path, clip: type[mx.BaseFeature], crop: type[mx.BaseFeature]
) -> None:
    behind = DeltaMetadataStore(tmp_path / "behind")
    with behind.open("w"):
        behind.write(clip, rows("a", "b"))

    def warned(engine: str, *stores: DeltaMetadataStore) -> list[str]:
        file = tmp_path / f"{engine}.duckdb"
        it = DuckDBMetadataStore(file, versioning_engine=engine, fallback_stores=stores)
        with it.open("w"):
            if not stores:
                it.write(clip, rows("a"))
            return told(PolarsMaterializationWarning, lambda: it.resolve_update(crop))

    assert "Using Polars for resolving the increment instead" in warned("native", behind)[0]
    assert len(warned("auto", behind)) == 1
    assert warned("polars", behind) == []
    assert warned("native") == []


def test_of_a_sample_with_several_rows_the_last_is_written(
    store: Any, clip: type[mx.BaseFeature]
) -> None:
    given = pl.concat([rows("a", "b", version="old"), rows("a", version="new")])
    with store.open("w"):
        with pytest.warns(UserWarning, match="repeat ids"):
            store.write(clip, given.lazy())
        kept = store.read(clip).collect().to_polars().sort("id")
        assert [it["default"] for it in kept[BY_FIELD]] == ["newa", "oldb"]
        with pytest.raises(ValueError, match="NULL"):
            store.write(clip, rows("c").with_columns(id=pl.lit(None, pl.String)))


def test_a_sample_that_is_given_again_is_written_again(
    store: Any, clip: type[mx.BaseFeature]
) -> None:
    with mx.BufferedMetadataWriter(store, flush_interval=60) as writer:
        for version in ("old", "new"):
            writer.put({clip: rows("a", version=version)})
    assert writer.num_written == {mx.FeatureKey("raw/clip"): 2}
    with store:
        assert store.read(clip).collect()[BY_FIELD].to_list() == [{"default": "newa"}]
        assert len(store.read(clip, with_sample_history=True).collect()) == 2


def test_a_table_can_be_read_as_it_is(store: Any, clip: type[mx.BaseFeature]) -> None:
    with store.open("w"):
        assert store._read_feature(clip) is None and store._read_feature("of/nobody") is None
        for version in ("old", "new"):
            store.write(clip, rows("a", version=version))
        store.delete(clip, nw.col("id") == "a")
        assert len(store._read_feature(clip).collect()) == 3


def test_a_store_says_what_it_is_without_a_feature(store: Any, clip: type[mx.BaseFeature]) -> None:
    with store.open("w"):
        place = {"name": None, "display": store.display()}
        assert store.get_store_metadata(clip) == place
        store.write(clip, rows("a"))
        assert store.get_store_metadata(clip).keys() == {*place, "resolved_from"}


def test_a_database_tells_its_tables(tmp_path: Path, clip: type[mx.BaseFeature]) -> None:
    store = DuckDBMetadataStore(
        tmp_path / "it.duckdb", extensions=["json", {"name": "spatial"}, ExtensionSpec("icu")]
    )
    assert [it.name for it in store.extensions] == ["json", "spatial", "icu", "hashfuncs"]
    with pytest.raises(StoreNotOpenError, match="Ibis connection is not open"):
        _ = store.conn
    with store:
        # Nothing is there, and nothing is made.
        assert "read_only" not in store.connection_params and store.conn.list_tables() == []
    with store.open("w"):
        store.write(clip, rows("a"))
        SystemTableStorage(store).push_graph_snapshot()
    with store:
        assert store.connection_params["read_only"] is True
        assert store.conn.name == store._sql_dialect == "duckdb"
        tables = store.conn.list_tables()
    assert tables == ["metaxy_system__feature_versions", "raw__clip"]
