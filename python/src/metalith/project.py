"""A project as the command sees it: its features and stores are those that its files name.

Where rows are Arrow and filters are texts, nothing but the engine is loaded, so a process that only
resolves is done in a tenth of a second. Where frames of Narwhals and features that are classes are
wanted, there are the stores (`DeltaMetadataStore` and others).
"""

import json
import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from metalith import _metalith
from metalith._drivers import driver_variables
from metalith.entrypoints import declared_features
from metalith.errors import StoreNotOpenError, UnsupportedError

if TYPE_CHECKING:
    from metalith._metalith import Frame, Increment
    from metalith.graph import FeatureGraph
    from metalith.stores.deletions import CascadeMode, Deletion, DeletionPlan

Mode = Literal["read", "write"]
"""For reading, or for reading and writing."""


class Project:
    """What a `metalith.toml` says, with the features that its files declare.

    `path` is a folder or a `metalith.toml`; without it the project is the one that
    `METALITH_PROJECT` names, or the nearest from the current folder upwards. `store` is the name of
    another store than the configured one, `actor` who works, for tombstones and the audit log.

    Features of modules that it names as `entrypoints` are loaded into the active graph, all of
    which belongs to the project then. Modules that are imported already declare nothing anew, so
    a process has one such project.

        with ml.Project("media").open("write") as store:
            store.write("video", "videos.parquet")
            found = store.resolve_update("crop")
            store.write("crop", work_off(pl.DataFrame(found.new)))
    """

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        store: str | None = None,
        actor: str | None = None,
    ) -> None:
        named = os.environ.get("METALITH_PROJECT") if path is None else os.fspath(path)
        # It stays the same one where somebody changes the current folder.
        named = None if named is None else str(Path(named).absolute())
        self._store, self._actor = store, actor
        graph = declared_features(named)
        declared = json.dumps([] if graph is None else graph.declarations())
        self._engine = _metalith.Project.load(named, store, actor, declared, driver_variables())
        self._named = str(self._engine.root) if named is None else named
        self._joined_by_class = frozenset(() if graph is None else _joined_by_class(graph))

    @property
    def path(self) -> Path:
        """The folder of the project."""
        return self._engine.root

    @property
    def features(self) -> list[str]:
        """The keys of its features, what is computed from others after them."""
        return self._engine.graph.keys()

    @contextmanager
    def open(self, mode: Mode = "read") -> Generator["ProjectStore"]:
        """Opens the project's store for the time of a `with`.

        Opening for writing makes a store of an empty place, and finishes deletions that were
        interrupted.
        """
        engine = self._engine.open(mode)
        store = ProjectStore(self._engine.graph, engine, mode, self._joined_by_class)
        try:
            yield store
        finally:
            store.close()

    def __repr__(self) -> str:
        return f"<Project {self.path}>"

    def __reduce__(self) -> tuple[object, ...]:
        # A copy in another process reads the files for itself.
        return (_again, (self._named, self._store, self._actor))


def _again(path: str, store: str | None, actor: str | None) -> Project:
    return Project(path, store=store, actor=actor)


def _joined_by_class(graph: "FeatureGraph") -> Generator[str]:
    """The features whose classes join their upstreams themselves."""
    for key, definition in graph.feature_definitions_by_key.items():
        if definition.has_custom_load_input():
            yield str(key)


class ProjectStore:
    """The store of a project, open. Features are named by their keys, or are classes.

    Frames that it gives are tables of Arrow in memory, which whatever speaks Arrow takes
    (`pl.DataFrame(frame)`, `pa.table(frame)`), and which know their length. Filters are
    expressions in text, one or a list of these that must all hold, or expressions of Narwhals.
    """

    def __init__(
        self,
        graph: _metalith.Graph,
        engine: _metalith.Store,
        mode: Mode,
        joined_by_class: frozenset[str],
    ) -> None:
        self._graph, self._mode = graph, mode
        self._opened: _metalith.Store | None = engine
        self._joined_by_class = joined_by_class

    def close(self) -> None:
        """Closes it."""
        self._opened = None

    @property
    def _engine(self) -> _metalith.Store:
        if self._opened is None:
            raise StoreNotOpenError(
                "the store of the project is closed",
                code="store.not-open",
                hint="use it within `with project.open() as store:`",
            )
        return self._opened

    @property
    def _writer(self) -> _metalith.Store:
        engine = self._engine
        if self._mode != "write":
            raise StoreNotOpenError(
                "the store of the project is open in read mode, and this needs write mode",
                code="store.read-only",
                hint="use `with project.open('write') as store:`",
            )
        return engine

    def _joined_by_lineage(self, feature: Any) -> str:
        """The key of a feature that the engine joins by itself."""
        key = _key(feature)
        if key in self._joined_by_class:
            raise UnsupportedError(
                f"`{key}` joins its upstreams by `load_input` of its class",
                code="project.load-input",
                hint="resolve it by a store: `ml.init().get_store()`",
            )
        return key

    def read(
        self,
        feature: Any,
        *,
        filters: Any = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        feature_version: str | None = None,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
        include_soft_deleted: bool = False,
    ) -> "Frame":
        """Reads samples: the latest row of each, of the current feature version, not deleted.

        The three flags each lift one of these.
        """
        return self._engine.read(
            self._graph,
            _key(feature),
            filters=_texts(filters),
            columns=None if columns is None else list(columns),
            limit=limit,
            feature_version=feature_version,
            feature_history=with_feature_history,
            sample_history=with_sample_history,
            include_deleted=include_soft_deleted,
        )

    def write(
        self,
        feature: Any,
        rows: Any,
        *,
        materialization_id: str | None = None,
        over_fallback: bool = False,
    ) -> int:
        """Adds samples in one commit, all or none; returns how many.

        `rows` are a frame of any library that speaks Arrow, or the path of a file (Parquet, CSV,
        TSV, JSON lines or Arrow). They need the id columns and `metaxy_provenance_by_field`, or in
        a flat file columns such as `metaxy_provenance_by_field.frames`. Where the project is near
        its quota, a warning says so.
        """
        given = _rows(rows)
        engine = self._writer
        return engine.write(self._graph, _key(feature), given, materialization_id, over_fallback)

    def resolve_update(
        self,
        feature: Any,
        *,
        samples: Any = None,
        filters: Mapping[str, Any] | None = None,
        global_filters: Any = None,
        target_filters: Any = None,
        staleness_predicates: Any = None,
        skip_comparison: bool = False,
    ) -> "Increment":
        """Finds what to compute (`new`), to recompute (`stale`), and to consider deleting
        (`orphaned`; those of them that only wait for an upstream are in `waiting` as well).

        - `samples`, a frame or the path of a file, stand for what upstreams would give; a root
          feature needs them.
        - `filters` are per feature, on stored columns; `global_filters` on every upstream and on
          the feature; `target_filters` on the feature's own rows.
        - `staleness_predicates`: stored samples that meet one of them are stale anyway.
        """
        return self._engine.resolve(
            self._graph,
            self._joined_by_lineage(feature),
            samples=None if samples is None else _rows(samples),
            filters={key: _texts(given) for key, given in (filters or {}).items()},
            global_filters=_texts(global_filters),
            target_filters=_texts(target_filters),
            staleness=_texts(staleness_predicates),
            skip_comparison=skip_comparison,
        )

    def status(self, feature: Any) -> dict[str, Any]:
        """How a feature stands: samples, deleted, rows, bytes, new, stale, orphaned, waiting."""
        return self._engine.status(self._graph, self._joined_by_lineage(feature))

    def plan_deletion(
        self,
        feature: Any,
        filters: Any = None,
        *,
        soft: bool = True,
        cascade: "CascadeMode" = "none",
        reason: str | None = None,
    ) -> "DeletionPlan":
        """Finds what a deletion would do, and does nothing until it is applied."""
        from metalith.stores.deletions import DeletionPlan

        plan = self._engine.plan_deletion(
            self._graph,
            _key(feature),
            filters=_texts(filters),
            hard=not soft,
            cascade=cascade,
            reason=reason,
        )
        return DeletionPlan(plan)

    def delete(
        self,
        feature: Any,
        filters: Any,
        *,
        soft: bool = True,
        cascade: "CascadeMode" = "none",
        reason: str | None = None,
    ) -> "Deletion":
        """Deletes samples: softly, so that they can be restored, or for good.

        Something that protects a sample blocks the whole deletion: then nothing has happened and
        `BlockedError` names every blocker.
        """
        self._writer  # noqa: B018 - refuses before anything is planned
        plan = self.plan_deletion(feature, filters, soft=soft, cascade=cascade, reason=reason)
        return plan.apply()

    def restore(
        self, deletion: "str | Deletion", filters: Any = None, *, dry_run: bool = False
    ) -> dict[str, int]:
        """Brings back what a soft deletion hid; returns how many samples of which feature."""
        identity = deletion if isinstance(deletion, str) else deletion.id
        return dict(self._writer.restore(self._graph, identity, _texts(filters), dry_run))


def _key(feature: Any) -> str:
    if isinstance(feature, str):
        return feature
    from metalith.keys import coerce_to_feature_key

    return str(coerce_to_feature_key(feature))


def _texts(filters: Any) -> list[str]:
    if filters is None:
        return []
    if isinstance(filters, str):
        return [filters]
    given: object = filters
    several = cast("list[object]", given) if isinstance(given, list) else []
    if several and all(isinstance(it, str) for it in several):
        return cast("list[str]", several)
    from metalith.filters import to_expressions

    return to_expressions(filters)


def _rows(rows: Any) -> Any:
    """Rows as the engine takes them: what is Arrow already, and files, need no other library."""
    if isinstance(rows, (str, _metalith.Frame)) or hasattr(rows, "__fspath__"):
        return rows
    if type(rows).__module__.partition(".")[0] == "pyarrow":
        return rows
    from metalith.frames import to_arrow

    return to_arrow(rows)
