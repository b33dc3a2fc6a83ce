"""Writing in the background, many rows at once."""

import contextvars
import queue
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

import narwhals as nw
from metalith.frames import collect_to_arrow
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import MetadataStore
from typing_extensions import Self


class WriterTimeoutError(RuntimeError, TimeoutError):
    """Rows were not written in time."""


class BufferedMetadataWriter:
    """Takes rows from any thread, and writes them from one of its own.

    It writes when it has `flush_batch_size` rows, every `flush_interval` seconds, and at the end.
    """

    def __init__(
        self,
        store: MetadataStore,
        flush_batch_size: int | None = None,
        flush_interval: float = 2.0,
        max_queue_size: int = 0,
    ) -> None:
        self._store = store
        self._size = flush_batch_size
        self._interval = flush_interval
        self._given: queue.Queue[Mapping[FeatureKey, Any] | threading.Event | None] = queue.Queue(
            max_queue_size
        )
        self._written: dict[FeatureKey, int] = {}
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._is_over = False

    @property
    def num_written(self) -> dict[FeatureKey, int]:
        """How many rows of each feature are written."""
        return dict(self._written)

    @property
    def has_error(self) -> bool:
        """Whether writing has failed."""
        return self._error is not None

    def start(self) -> None:
        """Starts the thread. It works with the graph and the configuration that are active now."""
        if self._thread is not None or self._is_over:
            raise RuntimeError("Writer has already been started: each one is started once")
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run,), daemon=True)
        self._thread.start()

    def put(self, batches: Mapping[CoercibleToFeatureKey, Any]) -> None:
        """Takes rows by feature."""
        self._check()
        self._given.put({coerce_to_feature_key(key): rows for key, rows in batches.items()})

    def flush(self, timeout: float | None = 30.0) -> None:
        """Waits until everything that was given is written."""
        self._check()
        done = threading.Event()
        self._given.put(done)
        if not done.wait(timeout):
            raise WriterTimeoutError(f"rows were not written within {timeout} seconds")
        self._check()

    def stop(self, timeout: float | None = 30.0) -> dict[FeatureKey, int]:
        """Writes the rest and ends the thread; returns how many rows were written."""
        if self._thread is not None:
            self._given.put(None)
            self._thread.join(timeout)
            if self._thread.is_alive():
                raise WriterTimeoutError(f"rows were not written within {timeout} seconds")
            self._thread = None
            self._is_over = True
        self._raise()
        return self.num_written

    def _check(self) -> None:
        self._raise()
        if self._thread is None:
            what = "Cannot put data after writer has been stopped: make another one"
            if not self._is_over:
                what = "Writer has not been started: call `start()`, or use it in a `with`"
            raise RuntimeError(what)

    def _raise(self) -> None:
        if self._error is not None:
            raise RuntimeError(f"Writer encountered an error: {self._error}") from self._error

    def _run(self) -> None:
        held: dict[FeatureKey, list[Any]] = {}
        due = time.monotonic() + self._interval
        try:
            while True:
                item = self._next(due)
                if isinstance(item, dict):
                    for key, rows in cast("Mapping[FeatureKey, Any]", item).items():
                        held.setdefault(key, []).append(collect_to_arrow(rows))
                if isinstance(item, dict) and not self._is_full(held):
                    continue
                self._write(held)
                held, due = {}, time.monotonic() + self._interval
                if isinstance(item, threading.Event):
                    item.set()
                if item is None:
                    return
        except BaseException as error:  # noqa: BLE001 - raised where the writer is used
            self._error = error
            self._release()

    def _next(self, due: float) -> Any:
        try:
            return self._given.get(timeout=max(due - time.monotonic(), 0.0))
        except queue.Empty:
            return _NOTHING

    def _is_full(self, held: Mapping[FeatureKey, list[Any]]) -> bool:
        if self._size is None:
            return False
        return sum(len(rows) for listed in held.values() for rows in listed) >= self._size

    def _write(self, held: Mapping[FeatureKey, list[Any]]) -> None:
        if not held:
            return
        writes = {key: _writes(key, rows) for key, rows in held.items()}
        with self._store.open("write"):
            for turn in range(max(map(len, writes.values()))):
                frames = {key: them[turn] for key, them in writes.items() if turn < len(them)}
                self._store.write_multi(frames)
                for key, rows in frames.items():
                    self._written[key] = self._written.get(key, 0) + len(rows)

    def _release(self) -> None:
        """Lets go of whoever waits."""
        while True:
            try:
                item = self._given.get_nowait()
            except queue.Empty:
                return
            if isinstance(item, threading.Event):
                item.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


_NOTHING = object()


def _writes(key: FeatureKey, given: list[Any]) -> list[Any]:
    """What is written at once. A sample that was given again is written again, later."""
    import polars as pl

    joined = _joined(given)
    ids = list(FeatureGraph.get_active().get_feature_definition(key).id_columns)
    if len(given) == 1 or not set(ids) <= set(joined.column_names):
        return [joined]
    samples: Any = pl.from_arrow(joined.select(ids))
    return given if samples.is_duplicated().any() else [joined]


def _joined(rows: list[Any]) -> Any:
    frames = [nw.from_native(it, eager_only=True) for it in rows]
    return nw.to_native(nw.concat(frames, how="diagonal"))
