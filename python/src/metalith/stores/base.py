"""Stores: where the metadata of features lives."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast, overload

import narwhals as nw

from metalith import _metalith
from metalith.config import active_config
from metalith.definition import FeatureDefinition
from metalith.errors import FeatureNotFoundError, InvalidError
from metalith.filters import to_expressions as texts
from metalith.frames import IntoRows, has_polars, to_arrow, to_narwhals
from metalith.graph import FeatureGraph
from metalith.increment import Increment, LazyIncrement
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores.deletions import Deletions

Filters = Any
"""A Narwhals expression, an expression in text, or a list of these that must all hold."""


class MetadataStore(Deletions):
    """A store of features. Use it in a `with`, for reading or for writing.

    >>> import metalith as ml, polars as pl
    >>> with ml.FeatureGraph().use():
    ...     class Clip(ml.BaseFeature, spec=ml.FeatureSpec(key="clip", id_columns=["id"])):
    ...         id: str
    ...     store = ml.InMemoryMetadataStore()
    ...     with store.open("write"):
    ...         rows = {"id": ["a"], "metaxy_provenance_by_field": [{"default": "hash"}]}
    ...         store.write(Clip, pl.DataFrame(rows))
    ...         store.read(Clip).select("id").collect().to_dict(as_series=False)
    1
    {'id': ['a']}
    """

    # Frames, on their way in and out

    def _arrow(self, rows: IntoRows) -> Any:
        """Rows as the engine takes them."""
        return to_arrow(rows)

    def _frame(self, frame: _metalith.Frame) -> nw.DataFrame[Any]:
        """Rows as callers get them."""
        return to_narwhals(frame)

    # Reading

    @overload
    def read(
        self,
        feature: CoercibleToFeatureKey,
        *,
        feature_version: str | None = None,
        filters: Filters = None,
        columns: Sequence[str] | None = None,
        allow_fallback: bool = True,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
        include_soft_deleted: bool = False,
        with_store_info: Literal[False] = False,
    ) -> nw.LazyFrame[Any]: ...
    @overload
    def read(
        self,
        feature: CoercibleToFeatureKey,
        *,
        feature_version: str | None = None,
        filters: Filters = None,
        columns: Sequence[str] | None = None,
        allow_fallback: bool = True,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
        include_soft_deleted: bool = False,
        with_store_info: Literal[True],
    ) -> "tuple[nw.LazyFrame[Any], MetadataStore]": ...
    def read(
        self,
        feature: CoercibleToFeatureKey,
        *,
        feature_version: str | None = None,
        filters: Filters = None,
        columns: Sequence[str] | None = None,
        allow_fallback: bool = True,
        with_feature_history: bool = False,
        with_sample_history: bool = False,
        include_soft_deleted: bool = False,
        with_store_info: bool = False,
    ) -> "nw.LazyFrame[Any] | tuple[nw.LazyFrame[Any], MetadataStore]":
        """Reads samples: the latest row of each, of the current feature version, not deleted.

        The three flags each lift one of these. Filters apply to the rows that are then visible.
        """
        self._sync()
        key, _, graph = self._resolve(feature)
        if not allow_fallback and self._engine.read_from(str(key)) is not None:
            raise FeatureNotFoundError(
                f"feature `{key}` has no table in {self.display()}",
                code="store.no-table",
                hint="it is read from a store that this one falls back to, if that is allowed",
            )
        frame = self._engine.read(
            graph,
            str(key),
            filters=texts(filters),
            columns=None if columns is None else list(columns),
            feature_version=feature_version,
            feature_history=with_feature_history,
            sample_history=with_sample_history,
            include_deleted=include_soft_deleted,
            views=has_polars(),
        )
        rows = self._frame(frame).lazy()
        if not with_store_info:
            return rows
        return rows, self.find_store_for_feature(key) or self

    def read_metadata(
        self,
        feature: CoercibleToFeatureKey,
        *,
        feature_version: str | None = None,
        filters: Filters = None,
        columns: Sequence[str] | None = None,
        allow_fallback: bool = True,
        current_only: bool = True,
        latest_only: bool = True,
        include_soft_deleted: bool = False,
    ) -> nw.LazyFrame[Any]:
        """`read` under its older name. `current_only` and `latest_only` are the opposites of
        `with_feature_history` and `with_sample_history`."""
        return self.read(
            feature,
            feature_version=feature_version,
            filters=filters,
            columns=columns,
            allow_fallback=allow_fallback,
            with_feature_history=not current_only,
            with_sample_history=not latest_only,
            include_soft_deleted=include_soft_deleted,
        )

    # Writing

    def write(
        self,
        feature: CoercibleToFeatureKey,
        df: IntoRows,
        materialization_id: str | None = None,
        *,
        over_fallback: bool = False,
    ) -> int:
        """Adds samples in one commit, all or none; returns how many.

        Rows need the id columns and `metaxy_provenance_by_field`. A sample that is there already
        is superseded, one that was deleted comes back. A first write that would hide the samples
        of a store that this one falls back to is refused, unless `over_fallback`.
        """
        key, _, graph = self._resolve(feature)
        writer = self._writer
        run = materialization_id or self._materialization_id
        return writer.write(graph, str(key), self._arrow(df), run, over_fallback)

    def write_metadata(
        self,
        feature: CoercibleToFeatureKey,
        df: IntoRows,
        materialization_id: str | None = None,
    ) -> int:
        """`write` under its older name."""
        return self.write(feature, df, materialization_id)

    def write_multi(
        self, metadata: Mapping[Any, IntoRows], materialization_id: str | None = None
    ) -> dict[FeatureKey, int]:
        """Writes several features, what is computed from others first: nobody sees a sample
        whose upstream is newer. Each feature is a commit of its own."""
        frames = {coerce_to_feature_key(feature): df for feature, df in metadata.items()}
        written: dict[FeatureKey, int] = {}
        if not frames:
            return written
        self._writer  # noqa: B018 - refuses before anything is written
        for key in FeatureGraph.get_active().topological_sort_features(
            list(frames), descending=True
        ):
            written[key] = self.write(key, frames[key], materialization_id)
        return written

    # Resolving

    @overload
    def resolve_update(
        self,
        feature: CoercibleToFeatureKey,
        *,
        samples: IntoRows | None = None,
        filters: Mapping[Any, Filters] | None = None,
        global_filters: Filters = None,
        target_filters: Filters = None,
        lazy: Literal[False] = False,
        versioning_engine: str | None = None,
        skip_comparison: bool = False,
        staleness_predicates: Filters = None,
    ) -> Increment: ...
    @overload
    def resolve_update(
        self,
        feature: CoercibleToFeatureKey,
        *,
        samples: IntoRows | None = None,
        filters: Mapping[Any, Filters] | None = None,
        global_filters: Filters = None,
        target_filters: Filters = None,
        lazy: Literal[True],
        versioning_engine: str | None = None,
        skip_comparison: bool = False,
        staleness_predicates: Filters = None,
    ) -> LazyIncrement: ...
    def resolve_update(
        self,
        feature: CoercibleToFeatureKey,
        *,
        samples: IntoRows | None = None,
        filters: Mapping[Any, Filters] | None = None,
        global_filters: Filters = None,
        target_filters: Filters = None,
        lazy: bool = False,
        versioning_engine: str | None = None,
        skip_comparison: bool = False,
        staleness_predicates: Filters = None,
    ) -> Increment | LazyIncrement:
        """Finds what to compute, to recompute, and to consider deleting.

        - `samples` stand for what upstreams would give; a root feature needs them.
        - `filters` are per feature, on stored columns; `global_filters` on every upstream and on
          the feature; `target_filters` on the feature's own rows.
        - `staleness_predicates`: stored samples that meet one of them are stale anyway.
        - `versioning_engine`: `"native"` lets a database that holds the samples find them itself
          wherever that gives the same, `"polars"` computes outside of it (in Metalith; the name is
          Metaxy's), and `"auto"` is as the store is set.
        """
        self._sync()
        key, graph, compiled = self._resolve(feature)
        prefer_native = _prefers_native(versioning_engine)
        by_feature = {
            str(coerce_to_feature_key(name)): texts(given)
            for name, given in (filters or {}).items()
        }
        rows = None if samples is None else self._arrow(samples)
        if rows is None:
            rows = self._joined_by_class(key, graph, compiled, by_feature)
        found = Increment.of(
            self._engine.resolve(
                compiled,
                str(key),
                samples=rows,
                filters=by_feature,
                global_filters=texts(global_filters),
                target_filters=texts(target_filters),
                staleness=texts(staleness_predicates),
                skip_comparison=skip_comparison,
                prefer_native=prefer_native,
                views=has_polars(),
            ),
            self._frame,
        )
        return found.lazy() if lazy else found

    def _sync(self) -> None:
        """Looks what other projects have recorded of features that are declared as external here,
        where the configuration says so."""
        self._engine  # noqa: B018 - a closed store says so before anything else
        config = active_config()
        if config.sync and (
            FeatureGraph.get_active().has_external_features or config.extra_features
        ):
            from metalith.recorded import sync_external_features

            sync_external_features(self)

    def _joined_by_class(
        self,
        key: FeatureKey,
        graph: FeatureGraph,
        compiled: _metalith.Graph,
        filters: Mapping[str, Sequence[str]],
    ) -> object | None:
        """What a feature's own `load_input` makes of its upstreams, hashed; `None` without one."""
        definition = graph.get_feature_definition(key)
        if not definition.has_custom_load_input():
            return None
        upstream = self._engine.upstream_rows(compiled, str(key), filters)
        joined = definition.load_input({name: self._frame(it).lazy() for name, it in upstream})
        return self._engine.compute_provenance(compiled, str(key), self._arrow(joined))

    def compute_provenance(self, feature: CoercibleToFeatureKey, df: Any) -> Any:
        """Gives upstream rows that were joined by hand their version columns.

        `df` needs, for each upstream, a struct column `metaxy_data_version_by_field__<feature>`,
        the parts of its key joined by `_`. The result has the kind of frame that `df` has.
        """
        key, _, graph = self._resolve(feature)
        frame = self._frame(self._engine.compute_provenance(graph, str(key), self._arrow(df)))
        if isinstance(df, nw.DataFrame):
            return frame
        if isinstance(df, nw.LazyFrame):
            return frame.lazy()
        lazy = type(df).__name__ == "LazyFrame"
        return (frame.lazy() if lazy else frame).to_native()

    def calculate_input_progress(
        self, lazy_increment: LazyIncrement | None, feature_key: CoercibleToFeatureKey
    ) -> float | None:
        """How many percent of the inputs have been worked off at least once; `None` for roots and
        without inputs."""
        del lazy_increment  # the store knows
        key, _, graph = self._resolve(feature_key)
        return self._engine.progress(graph, str(key))

    def rebase(
        self,
        feature: CoercibleToFeatureKey,
        from_feature_version: str,
    ) -> nw.LazyFrame[Any]:
        """The samples of an older feature version, with provenance under today's definition.

        Write them to carry them over without computing them again.
        """
        key, _, graph = self._resolve(feature)
        return self._frame(self._engine.rebase(graph, str(key), from_feature_version)).lazy()

    # Looking around

    def list_features(self) -> list[FeatureKey]:
        """The features that have samples here."""
        return [FeatureKey(text) for text in self._engine.features()]

    def has_feature(self, feature: CoercibleToFeatureKey, *, check_fallback: bool = False) -> bool:
        """Whether a feature has a table here, or in a store that this one falls back to."""
        key = coerce_to_feature_key(feature)
        behind = check_fallback and self._engine.read_from(str(key)) is not None
        return behind or key in self.list_features()

    def find_store_for_feature(
        self, feature_key: CoercibleToFeatureKey, *, check_fallback: bool = True
    ) -> "MetadataStore | None":
        """The store that a feature is read from, or `None`."""
        behind = self._engine.read_from(str(coerce_to_feature_key(feature_key)))
        if behind is None:
            return self if self.has_feature(feature_key) else None
        for store in self._chain() if check_fallback else ():
            if store._place().location() == behind:
                return cast("MetadataStore", store)
        return None

    def status(
        self,
        feature: CoercibleToFeatureKey,
        *,
        global_filters: Filters = None,
        target_filters: Filters = None,
        staleness_predicates: Filters = None,
    ) -> dict[str, Any]:
        """How a feature stands: samples, deleted, rows, bytes, new, stale, orphaned, waiting.

        Conditions as for `resolve_update`; rows and bytes are those of the whole table.
        """
        key, _, graph = self._resolve(feature)
        return self._engine.status(
            graph,
            str(key),
            global_filters=texts(global_filters),
            target_filters=texts(target_filters),
            staleness=texts(staleness_predicates),
        )

    def read_feature_schema_from_store(self, feature: CoercibleToFeatureKey) -> nw.Schema:
        """The columns that a feature is stored with."""
        key, _, graph = self._resolve(feature)
        frame = self._engine.stored_schema(graph, str(key))
        if frame is None:
            raise FeatureNotFoundError(f"feature `{key}` has no table in {self.display()}")
        return to_narwhals(frame).schema

    def get_store_info(self, feature_key: CoercibleToFeatureKey) -> dict[str, Any]:
        """What there is to say about where a feature is."""
        coerce_to_feature_key(feature_key)
        kind = f"{type(self).__module__}.{type(self).__qualname__}"
        return {"name": self.name, "type": kind, "display": self.display()}

    def get_store_metadata(
        self, feature_key: CoercibleToFeatureKey, *, check_fallback: bool = True
    ) -> dict[str, Any]:
        """Like `get_store_info`, with `resolved_from`: the store that has the feature."""
        found = self.find_store_for_feature(feature_key, check_fallback=check_fallback)
        if found is None:
            return {}
        resolved = found.get_store_info(feature_key)
        return {"name": self.name, "display": self.display(), "resolved_from": resolved}

    # Between stores

    def copy(
        self,
        from_store: "MetadataStore",
        features: Sequence[CoercibleToFeatureKey] | None = None,
        *,
        filters: Mapping[Any, Filters] | None = None,
        global_filters: Filters = None,
        with_feature_history: bool = True,
        with_sample_history: bool = False,
        over_fallback: bool = False,
    ) -> dict[str, int]:
        """Adds features of another store to this one: `features_copied` and `rows_copied`.

        Without `features`, all of the active graph that the other store has. Rows that are here
        already are not copied again. `over_fallback` as for `write`.
        """
        writer = self._writer
        graph = FeatureGraph.get_active()
        there = set(from_store.list_features())
        if features is None:
            wanted = [key for key in graph.topological_sort_features() if key in there]
        else:
            wanted = [coerce_to_feature_key(feature) for feature in features]
        conditions = {coerce_to_feature_key(key): texts(it) for key, it in (filters or {}).items()}
        of_all, compiled = texts(global_filters), graph.compiled()
        copied = {"features_copied": 0, "rows_copied": 0}
        for key in wanted:
            if key not in there:
                continue
            copied["rows_copied"] += writer.copy_from(
                from_store._engine,
                compiled,
                str(key),
                filters=[*conditions.get(key, []), *of_all],
                feature_history=with_feature_history,
                sample_history=with_sample_history,
                over_fallback=over_fallback,
            )
            copied["features_copied"] += 1
        return copied

    def copy_metadata(
        self,
        from_store: "MetadataStore",
        features: Sequence[CoercibleToFeatureKey] | None = None,
        **options: Any,
    ) -> dict[str, int]:
        """`copy` under its older name."""
        return self.copy(from_store, features, **options)

    def push_graph(
        self, project: str | None = None, *, tags: Mapping[str, str] | None = None
    ) -> tuple[str, list[FeatureKey]]:
        """Records the active graph, unless it is the one recorded last: its version, and the
        features that were recorded."""
        graph = FeatureGraph.get_active()
        project = project or active_config().project or graph.project
        recorded = graph.of_project(project)
        version, features = self._writer.push(recorded, project, dict(tags or {}))
        return version, [FeatureKey(text) for text in features]

    def recorded_features(self) -> list[FeatureDefinition]:
        """The definition of each feature that was recorded last, of all projects."""
        from metalith.recorded import recorded_features

        return [it.definition for it in recorded_features(self).values()]

    @classmethod
    def from_config(cls, config: Any, **options: Any) -> "MetadataStore":
        """A store from its settings: a mapping or a model of what the constructor takes.

        Of `MetadataStore` itself: what `metalith.toml` says of a store, with its `type`.

        >>> MetadataStore.from_config({"type": "memory"}).display()
        'InMemoryMetadataStore()'
        """
        given = settings_of(config)
        if cls is MetadataStore:
            from metalith.config import MetalithConfig

            name = options.pop("name", None) or "store"
            return MetalithConfig(stores={name: given}).get_store(name, **options)
        return cls(**{**given, **options})


def settings_of(config: Any) -> dict[str, Any]:
    """What a mapping or a model says."""
    if hasattr(config, "model_dump"):
        config = config.model_dump(exclude_unset=True)
    return dict(config)


def _prefers_native(engine: str | None) -> bool | None:
    """What Metaxy's name of an engine asks for."""
    known = {None: None, "auto": None, "native": True, "polars": False}
    if engine not in known:
        raise InvalidError(
            f"there is no versioning engine `{engine}`",
            code="python.versioning-engine",
            hint="it is `auto`, `native` or `polars`",
        )
    return known[engine]
