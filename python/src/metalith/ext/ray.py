"""Features as datasets of Ray.

    import ray.data
    from metalith.ext.ray import MetalithDatasink, MetalithDatasource

    samples = ray.data.read_datasource(MetalithDatasource("video/raw", store))
    faces.write_datasink(MetalithDatasink("video/faces", store))

Tasks run in other processes, so the store must be one that these can reach.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import narwhals as nw
from ray.data import Datasource
from ray.data.block import BlockAccessor, BlockMetadata
from ray.data.datasource import Datasink, ReadTask, WriteResult

from metalith.config import BaseConfig, active_config
from metalith.errors import InvalidError
from metalith.filters import Filter, to_expressions
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import InMemoryMetadataStore, MetadataStore

STATUS_COLUMN = "metaxy_status"
"""Of an incremental dataset: whether a sample is `new` or `stale`."""
ROWS_PER_BLOCK = 100_000

# Neither Ray nor PyArrow says what a block or a table is.
Block: TypeAlias = Any
Table: TypeAlias = Any


@dataclass(frozen=True)
class _Place:
    """A feature of a store, with what other processes need to work on it."""

    feature: FeatureKey
    store: MetadataStore
    graph: FeatureGraph
    config: BaseConfig

    @classmethod
    def of(
        cls, feature: CoercibleToFeatureKey, store: MetadataStore, config: BaseConfig | None
    ) -> "_Place":
        if isinstance(store, InMemoryMetadataStore):
            raise InvalidError(
                f"{store.display()} is of this process alone, and tasks of Ray run in others",
                hint="use a store in a folder or in object storage",
            )
        key = coerce_to_feature_key(feature)
        graph = FeatureGraph.get_active()
        if key not in graph and isinstance(feature, type):
            graph = feature.graph
        graph.get_feature_definition(key)
        return cls(key, store, graph, config or active_config())

    @contextmanager
    def opened(self, mode: Any) -> Generator[MetadataStore]:
        with ExitStack() as stack:
            stack.enter_context(self.config.use())
            stack.enter_context(self.graph.use())
            yield stack.enter_context(self.store.open(mode))


class MetalithDatasource(Datasource):
    """The samples of a feature; with `incremental`, those to compute, marked new or stale.

    The other options are those of `MetadataStore.read`.
    """

    def __init__(
        self,
        feature: CoercibleToFeatureKey,
        store: MetadataStore,
        config: BaseConfig | None = None,
        *,
        incremental: bool = False,
        staleness_predicates: Sequence[Filter] | None = None,
        feature_version: str | None = None,
        filters: Sequence[Filter] | None = None,
        columns: Sequence[str] | None = None,
        allow_fallback: bool = True,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
        include_soft_deleted: bool = False,
    ) -> None:
        super().__init__()
        self._place = _Place.of(feature, store, config)
        self._incremental = incremental
        # As text they can go to other processes.
        self._filters = to_expressions(filters)
        self._staleness = to_expressions(staleness_predicates)
        self._columns = columns
        self._options: dict[str, Any] = {
            "feature_version": feature_version,
            "allow_fallback": allow_fallback,
            "with_feature_history": with_feature_history,
            "with_sample_history": with_sample_history,
            "include_soft_deleted": include_soft_deleted,
        }
        if staleness_predicates is not None and not incremental:
            raise InvalidError(
                "`staleness_predicates` are about what to compute", hint="pass `incremental=True`"
            )

    def get_name(self) -> str:
        """What Ray calls it."""
        return "Metalith"

    def estimate_inmemory_data_size(self) -> int | None:
        """Not known before it is read."""
        return None

    def get_read_tasks(
        self,
        parallelism: int,
        per_task_row_limit: int | None = None,
        data_context: Any = None,
    ) -> list[ReadTask]:
        """One task: a store is read as a whole. What follows runs on blocks in parallel."""

        def read() -> Iterator[Block]:
            table = self._read()
            for start in range(0, max(table.num_rows, 1), ROWS_PER_BLOCK):
                yield table.slice(start, ROWS_PER_BLOCK)

        metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(read, metadata)]

    def _read(self) -> Table:
        with self._place.opened("read") as store:
            key = self._place.feature
            if not self._incremental:
                rows = cast("Any", store).read(
                    key, filters=self._filters, columns=self._columns, **self._options
                )
                return _table(rows.collect())
            found = store.resolve_update(
                key, target_filters=self._filters, staleness_predicates=self._staleness
            )
        parts = [
            frame.with_columns(nw.lit(status).alias(STATUS_COLUMN))
            for status, frame in (("new", found.new), ("stale", found.stale))
        ]
        joined = nw.concat(parts, how="diagonal")
        return _table(joined if self._columns is None else joined.select(*self._columns))


def _table(frame: nw.DataFrame[Any]) -> Table:
    return cast("Any", frame).to_arrow()


@dataclass(frozen=True)
class MetalithWriteResult:
    """How many rows were written. A row that cannot be written fails its task."""

    rows_written: int
    rows_failed: int = 0


class MetalithDatasink(Datasink[int]):
    """Writes a dataset as samples of a feature, each task in a commit of its own."""

    def __init__(
        self,
        feature: CoercibleToFeatureKey,
        store: MetadataStore,
        config: BaseConfig | None = None,
    ) -> None:
        self._place = _Place.of(feature, store, config)
        self._result: MetalithWriteResult | None = None

    def get_name(self) -> str:
        """What Ray calls it."""
        return "Metalith"

    def write(self, blocks: Iterable[Block], ctx: Any) -> int:
        """Writes blocks; returns how many rows. Called by Ray, in tasks."""
        import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

        accessor = cast("Any", BlockAccessor)
        tables: list[Table] = [accessor.for_block(block).to_arrow() for block in blocks]
        filled = [table for table in tables if table.num_rows]
        if not filled:
            return 0
        with self._place.opened("write") as store:
            rows = cast("Any", pa).concat_tables(filled, promote_options="permissive")
            return store.write(self._place.feature, rows)

    def on_write_complete(self, write_result: WriteResult[int]) -> None:
        """Adds up what tasks wrote. Called by Ray."""
        self._result = MetalithWriteResult(sum(write_result.write_returns))

    @property
    def result(self) -> MetalithWriteResult:
        """What was written, once that is over."""
        if self._result is None:
            raise InvalidError(
                "nothing has been written yet", hint="pass this to `Dataset.write_datasink` first"
            )
        return self._result


MetaxyDatasource = MetalithDatasource
MetaxyDatasink = MetalithDatasink
