"""What a store does for a pipeline: write, resolve, work off, read, copy."""

import itertools
import os
import pickle
import sqlite3
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any, Literal

import duckdb
import ibis
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import metalith as ml
from metalith.errors import (
    FeatureNotFoundError,
    FilterError,
    InvalidError,
    MetadataSchemaError,
    StoreNotOpenError,
    UnknownFeatureError,
)

HASHES = "metaxy_provenance_by_field"


def declare() -> tuple[type[ml.BaseFeature], type[ml.BaseFeature]]:
    """Videos, and what is computed from each."""

    class Video(ml.BaseFeature, spec=ml.FeatureSpec(key="video", id_columns=["id"])):
        id: str

    class Crop(ml.BaseFeature, spec=ml.FeatureSpec(key="crop", id_columns=["id"], deps=[Video])):
        id: str

    return Video, Crop


def videos(*ids: str, version: str = "1") -> pl.DataFrame:
    """Rows of videos."""
    hashes = [{"default": f"{one}-{version}"} for one in ids]
    return pl.DataFrame({"id": ids, "size": [len(it) for it in ids], HASHES: hashes})


def ids(frame: Any) -> list[str]:
    """The ids in a frame, sorted."""
    collected = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    return sorted(collected["id"].to_list())


def test_from_writing_to_working_off(store: ml.MetadataStore) -> None:
    Video, Crop = declare()
    with store.open("write"):
        assert store.write(Video, videos("a", "bb", "c")) == 3
        found = store.resolve_update(Crop)
        assert (ids(found.new), ids(found.stale), ids(found.orphaned)) == (["a", "bb", "c"], [], [])
        assert found.added is found.new and found.changed is found.stale
        store.write(Crop, found.new)
        assert ids(store.resolve_update(Crop).new) == []

        store.write(Video, videos("a", version="2"))
        store.delete(Video, nw.col("id") == "c")
        found = store.resolve_update(Crop, lazy=True).collect()
        assert (ids(found.new), ids(found.stale), ids(found.orphaned)) == ([], ["a"], ["c"])
        assert store.calculate_input_progress(None, Crop) == 100.0
        assert store.status(Crop)["stale"] == 1
        some = store.status(Crop, target_filters=[nw.col("id") != "a"])
        assert (some["samples"], some["new"], some["stale"]) == (2, 1, 0)
        some = store.status(Crop, global_filters="id = 'a'", staleness_predicates="id = 'a'")
        assert (some["samples"], some["stale"], some["orphaned"]) == (1, 1, 0)
    with store:
        assert ids(store.read(Video)) == ["a", "bb"]
        assert ids(store.read(Video, include_soft_deleted=True)) == ["a", "bb", "c"]
        assert ids(store.read(Video, with_sample_history=True)) == ["a", "a", "bb", "c"]
        assert ids(store.read(Video, filters=[nw.col("size") > 1], columns=["id"])) == ["bb"]
        assert ids(store.read(Video, filters="size < 2")) == ["a"]
        assert store.list_features() == [ml.FeatureKey("crop"), ml.FeatureKey("video")]
        assert store.read_feature_schema_from_store(Video)["size"] == nw.Int64


@pytest.mark.parametrize(
    "kind", ["polars", "lazy", "narwhals", "pandas", "pyarrow", "duckdb", "ibis"]
)
def test_any_frame_goes_in(kind: str) -> None:
    Video, _ = declare()
    rows = videos("a", "bb")
    connection = duckdb.connect()
    connection.register("rows", rows.to_arrow())
    frame = {
        "polars": lambda: rows,
        "lazy": rows.lazy,
        "narwhals": lambda: nw.from_native(rows).lazy(),
        "pandas": lambda: pd.DataFrame(rows.to_dicts()).set_index(pd.Index([7, 9])),
        "pyarrow": rows.to_arrow,
        "duckdb": lambda: connection.sql("select * from rows"),
        "ibis": lambda: ibis.memtable(rows.to_arrow()),
    }[kind]()
    store = ml.InMemoryMetadataStore()
    with store.open("write"):
        assert store.write(Video, frame) == 2
        read = store.read(Video, columns=["id", "size", HASHES]).collect().to_polars()
    assert read.sort("id").to_dicts() == rows.to_dicts()


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow"])
def test_columns_of_nothing_go_in(store: ml.MetadataStore, kind: str) -> None:
    """Where every value is missing, a frame knows no type."""
    Video, _ = declare()
    kinds: dict[str, Any] = {
        "polars": lambda it: it,
        "pandas": lambda it: it.to_pandas(),
        "pyarrow": lambda it: it.to_arrow(),
    }
    first = videos("a").with_columns(tags=pl.Series([["x"]]), note=pl.lit("y"))
    nothing: Any = [None]
    empty = videos("b").with_columns(
        metaxy_materialization_id=pl.Series(nothing, dtype=pl.Null),
        note=pl.Series(nothing, dtype=pl.Null),
        tags=pl.Series([[]], dtype=pl.List(pl.Null)),
    )
    with store.open("write"):
        store.write(Video, first)
        store.write(Video, kinds[kind](empty))
        rows = store.read(Video).collect().sort("id")
        assert rows["note"].to_list() == ["y", None]
        assert [list(it) for it in rows["tags"].to_list()] == [["x"], []]
        assert rows["metaxy_materialization_id"].to_list() == [None, None]


def test_a_frame_of_many_chunks_goes_in_as_it_is(store: ml.MetadataStore) -> None:
    Video, _ = declare()

    def part(first: int, last: int) -> pl.DataFrame:
        return videos(*(f"{number:05}" for number in range(first, last)))

    ends = [0, 20_000, 20_001, 60_000, 90_000]
    parts = [part(first, last) for first, last in itertools.pairwise(ends)]
    # A column of one chunk beside those of several.
    sizes = pl.Series("size", range(90_000))
    frame = pl.concat([part.drop("size") for part in parts], rechunk=False).with_columns(sizes)
    assert frame.n_chunks("all") == [4, 4, 1]
    with store.open("write"):
        assert store.write(Video, frame) == 90_000
        stored = store.read(Video).collect().to_native().sort("id")
    assert stored.select("id", HASHES, "size").equals(frame)
    assert frame.n_chunks("all") == [4, 4, 1], "nothing was put together to hand it over"


def test_work_that_was_streamed_is_written_back_as_it_came(store: ml.MetadataStore) -> None:
    Video, _ = declare()
    work = videos(*(f"{number:05}" for number in range(20_000)))
    told = pl.Series("metalith_finding", ["new", "stale"] * 10_000, dtype=pl.Categorical)
    with store.open("write"):
        assert store.write(Video, work.insert_column(0, told)) == 20_000
        assert "metalith_finding" not in store.read(Video).collect_schema().names()


def test_what_comes_out_can_be_turned_into_anything(store: ml.MetadataStore) -> None:
    Video, _ = declare()
    with store.open("write"):
        store.write(Video, videos("a"))
        read = store.read(Video, columns=["id", "size"])
        assert isinstance(read, nw.LazyFrame)
        assert isinstance(read.collect().to_native(), pl.DataFrame)
        assert isinstance(ml.collect_to_arrow(read), pa.Table)
        assert ml.collect_to_polars(read).to_dicts() == [{"id": "a", "size": 1}]


def test_upstreams_can_be_joined_in_a_way_of_ones_own(store: ml.MetadataStore) -> None:
    Video, _ = declare()

    class Frame(
        ml.BaseFeature,
        spec=ml.FeatureSpec(
            key="frame",
            id_columns=["frame_id"],
            deps=[ml.FeatureDep(feature=Video)],
        ),
    ):
        id: str
        frame_id: str

        @classmethod
        def load_input(cls, upstream: dict[str, nw.LazyFrame[Any]]) -> nw.LazyFrame[Any]:
            """One sample for each of two frames of videos that are large enough."""
            large = super().load_input(upstream).filter(nw.col("size") > 1)
            frames = [
                large.with_columns(frame_id=nw.concat_str([nw.col("id"), nw.lit(f":{number}")]))
                for number in range(2)
            ]
            return nw.concat(frames)

    with store.open("write"):
        store.write(Video, videos("a", "bb"))
        found = store.resolve_update(Frame)
        assert sorted(found.new["frame_id"].to_list()) == ["bb:0", "bb:1"]
        store.write(Frame, found.new)
        store.write(Video, videos("bb", version="2"))
        found = store.resolve_update(Frame)
        assert len(found.new) == 0
        assert sorted(found.stale["frame_id"].to_list()) == ["bb:0", "bb:1"]


def test_a_feature_is_copied_between_stores(tmp_path: Path) -> None:
    Video, Crop = declare()
    source, target = ml.InMemoryMetadataStore(), ml.DeltaMetadataStore(tmp_path / "copy")
    with source.open("write"):
        source.write(Video, videos("a", "b"))
        source.write(Crop, source.resolve_update(Crop).new)
        with target.open("write"):
            assert target.copy(source) == {"features_copied": 2, "rows_copied": 4}
            assert len(target.resolve_update(Crop).new) == 0


def test_what_is_missing_is_read_from_the_next_store(tmp_path: Path) -> None:
    """A branch works on the samples of production, and writes nothing there."""
    Video, Crop = declare()
    prod = ml.DeltaMetadataStore(tmp_path / "prod", name="prod")
    branch = ml.DeltaMetadataStore(tmp_path / "branch", fallback_stores=[prod])
    with prod.open("write"):
        prod.write(Video, videos("a", "b"))
    with branch.open("write"):
        assert ids(branch.read(Video)) == ["a", "b"]
        assert branch.find_store_for_feature(Video) is prod
        assert branch.has_feature(Video, check_fallback=True) and not branch.has_feature(Video)
        branch.write(Crop, branch.resolve_update(Crop).new)
        with pytest.raises(ml.errors.MetalithError, match="hide"):
            branch.write(Video, videos("c"))
        branch.write(Video, videos("c"), over_fallback=True)
        assert ids(branch.read(Video)) == ["c"]
    with prod:
        assert ids(prod.read(Video)) == ["a", "b"]
        assert prod.list_features() == [ml.FeatureKey("video")]
    other = ml.InMemoryMetadataStore(hash_algorithm="md5", fallback_stores=[prod])
    with pytest.raises(InvalidError, match="md5"), other:
        pass


def test_stores_that_fall_back_to_each_other_are_one_chain(tmp_path: Path) -> None:
    """Other objects for the same places, as a configuration makes them each time it is asked."""
    Video, _ = declare()
    here, there = tmp_path / "here", tmp_path / "there"
    with ml.DeltaMetadataStore(there).open("write") as store:
        store.write(Video, videos("a"))
    again = ml.DeltaMetadataStore(here)
    beyond = ml.DeltaMetadataStore(there, fallback_stores=[again])
    with ml.DeltaMetadataStore(here, fallback_stores=[beyond]) as store:
        assert ids(store.read(Video)) == ["a"]


def test_many_conditions_are_one_filter(store: ml.MetadataStore) -> None:
    Video, _ = declare()
    with store.open("write"):
        store.write(Video, videos("a", "b"))
        many = " OR ".join(f"id = 'x{number}'" for number in range(2000))
        assert ids(store.read(Video, filters=f"{many} OR id = 'b'")) == ["b"]


def test_a_store_goes_to_another_process(tmp_path: Path) -> None:
    Video, _ = declare()
    store = ml.DeltaMetadataStore(tmp_path / "store", name="prod")
    with store.open("write"):
        store.write(Video, videos("a"))
        there = pickle.loads(pickle.dumps(store))
        assert not there.is_open
        with there:
            assert ids(there.read(Video)) == ["a"]
    assert repr(there).startswith("[prod] DeltaMetadataStore(")


def test_an_inner_with_decides_about_writing(tmp_path: Path) -> None:
    Video, _ = declare()
    store = ml.DeltaMetadataStore(tmp_path)
    with store:
        with store.open("write"):
            store.write(Video, videos("a"))
            with store.open("read"), pytest.raises(StoreNotOpenError, match="open in read mode"):
                store.write(Video, videos("b"))
        with pytest.raises(StoreNotOpenError, match="write mode"):
            store.write(Video, videos("b"))
    with pytest.raises(StoreNotOpenError, match="must be opened before use"):
        store.read(Video)


def test_a_store_in_memory_needs_no_mode() -> None:
    Video, _ = declare()
    with ml.InMemoryMetadataStore() as store:
        store.write_metadata(Video, videos("a"))
        assert ids(store.read_metadata(Video)) == ["a"]


def test_threads_work_at_once() -> None:
    """Eight threads, each with a graph of its own, on stores of their own."""
    results: list[int] = []

    def work() -> None:
        with ml.FeatureGraph().use():
            Video, Crop = declare()
            store = ml.InMemoryMetadataStore()
            with store.open("write"):
                store.write(Video, videos(*(f"v{number}" for number in range(1000))))
                results.append(len(store.resolve_update(Crop).new))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1000] * 8


def cpu_of_threads() -> dict[str, int]:
    """What each thread of this process has worked, in ticks, by its id."""
    found: dict[str, int] = {}
    for thread in Path("/proc/self/task").iterdir():
        try:
            stat = (thread / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            # It ended since it was listed.
            continue
        # The name, in parentheses, may have anything in it.
        fields = stat.rpartition(")")[2].split()
        found[thread.name] = int(fields[11]) + int(fields[12])
    return found


def test_eight_threads_use_all_cores() -> None:
    store, rows = ml.InMemoryMetadataStore(), videos(*(f"v{number}" for number in range(5000)))
    Video, Crop = declare()
    with store.open("write"):
        store.write(Video, rows)
    before = cpu_of_threads()
    found: list[int] = []

    def work() -> None:
        # The same graph and store for all of them.
        with store:
            found.extend(len(store.resolve_update(Crop).new) for _ in range(3))

    threads = [threading.Thread(target=copy_context().run, args=(work,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5000] * 24
    # The threads of Python are gone by now, but for this one, which waited.
    worked = [tid for tid, ticks in cpu_of_threads().items() if ticks > before.get(tid, 0)]
    workers = set(worked) - {str(threading.get_native_id())}
    assert len(workers) >= min(2, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("layout", ["nested", "flat"])
def test_a_table_is_where_the_store_says(tmp_path: Path, layout: Literal["nested", "flat"]) -> None:
    class Face(ml.BaseFeature, spec=ml.FeatureSpec(key="video/face", id_columns=["id"])):
        id: str

    store = ml.DeltaMetadataStore(tmp_path / "store", layout=layout)
    with store.open("write"):
        store.write(Face, videos("a"))
    with ml.DeltaMetadataStore(tmp_path / "own", fallback_stores=[store]) as own:
        resolved = own.get_store_metadata(Face)["resolved_from"]
    assert len(pl.read_delta(resolved["uri"])) == 1


def test_eight_writes_are_under_way_at_the_same_time(tmp_path: Path) -> None:
    """Each write waits, in the middle of its rows, for all others to get there too."""
    meeting = threading.Barrier(8)
    hashes = pa.array([{"default": "h"}])
    schema = pa.schema({"id": pa.string(), HASHES: hashes.type})
    written: list[int] = []

    def rows(name: str) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch([pa.array([f"{name}-1"]), hashes], schema=schema)
        meeting.wait(timeout=60)
        yield pa.record_batch([pa.array([f"{name}-2"]), hashes], schema=schema)

    def work(name: str) -> None:
        with ml.FeatureGraph().use():
            Video, _ = declare()
            with ml.DeltaMetadataStore(tmp_path / name).open("write") as store:
                reader = pa.RecordBatchReader.from_batches(schema, rows(name))
                written.append(store.write(Video, reader))

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written == [2] * 8


class TestBadInput:
    """Mistakes are told plainly, and change nothing."""

    def test_a_frame_without_the_id(self, store: ml.MetadataStore) -> None:
        Video, _ = declare()
        with store.open("write"), pytest.raises(MetadataSchemaError, match="`id`") as told:
            store.write(Video, videos("a").drop("id"))
        assert told.value.code == "store.rows"

    def test_a_struct_that_lacks_a_field(self, store: ml.MetadataStore) -> None:
        Video, _ = declare()
        rows = videos("a").with_columns(pl.struct(other=pl.lit("x")).alias(HASHES))
        with store.open("write"), pytest.raises(MetadataSchemaError, match="`default`"):
            store.write(Video, rows)

    def test_a_row_twice(self, store: ml.MetadataStore) -> None:
        Video, _ = declare()
        with store.open("write"):
            with pytest.raises(MetadataSchemaError, match=r"repeat ids .* id=a"):
                store.write(Video, videos("a", "a"))
            assert not store.has_feature(Video)

    def test_a_filter_on_an_unknown_column(self, store: ml.MetadataStore) -> None:
        Video, _ = declare()
        with store.open("write"):
            store.write(Video, videos("a"))
            with pytest.raises(FilterError, match="did you mean `size`"):
                store.read(Video, filters=nw.col("sise") == 1)
            with pytest.raises(FilterError):
                store.delete(Video, "size = 1; drop table video")

    def test_a_frame_that_is_none(self, store: ml.MetadataStore) -> None:
        Video, _ = declare()
        with store.open("write"), pytest.raises(MetadataSchemaError, match="not a frame"):
            store.write(Video, sqlite3)

    def test_features_that_are_not_there(self, store: ml.MetadataStore) -> None:
        Video, Crop = declare()
        with store:
            with pytest.raises(FeatureNotFoundError):
                store.read(Video)
            with pytest.raises(UnknownFeatureError, match="did you mean `video`"):
                store.read("vidoe")
            with pytest.raises(FeatureNotFoundError):
                store.resolve_update(Crop)
            with pytest.raises(ValueError, match="root feature"):
                store.resolve_update(Video)

    def test_a_mode_that_is_none(self, store: ml.MetadataStore) -> None:
        with pytest.raises(InvalidError, match="no mode"), store.open("append"):  # pyright: ignore[reportArgumentType]
            pass

    def test_a_store_that_hashes_otherwise(self, tmp_path: Path) -> None:
        Video, _ = declare()
        with ml.DeltaMetadataStore(tmp_path, hash_algorithm="md5").open("write") as store:
            store.write(Video, videos("a"))
        other = ml.DeltaMetadataStore(tmp_path, hash_algorithm="sha256")
        with pytest.raises(InvalidError, match="md5"), other:
            pass
