"""Definitions that stores have on record, those of other projects among them.

A feature of another project is declared here as external, perhaps with nothing but its key.
`sync_external_features` puts what its own project recorded in that place.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from metalith.config import active_config
from metalith.definition import (
    ExternalFeatureVersionMismatchError,
    ExternalFeatureVersionMismatchWarning,
    FeatureDefinition,
    OnVersionMismatch,
    differences,
)
from metalith.errors import GraphError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.selection import FeatureSelection

if TYPE_CHECKING:
    from metalith.stores.base import MetadataStore


class UnresolvedExternalFeatureWarning(UserWarning):
    """A feature of another project is not on record in the store."""


class InvalidStoredFeatureWarning(UserWarning):
    """A recorded definition cannot be read."""


class Recorded(NamedTuple):
    """A definition as a store has it on record."""

    definition: FeatureDefinition
    feature_version: str


class _Expected(NamedTuple):
    """What a feature's version is before its definition is replaced."""

    definition: FeatureDefinition
    version: str
    by_field: dict[str, str]


def recorded_rows(store: "MetadataStore") -> list[dict[str, Any]]:
    """The rows in which graphs are recorded, the oldest first: those of the store, and of those
    that it falls back to."""
    from metalith.frames import to_narwhals

    with opened(store):
        frames = store._engine.recorded_graphs()  # pyright: ignore[reportPrivateUsage]
    rows = [row for frame in frames for row in to_narwhals(frame).rows(named=True)]
    # What another system wrote has times without a zone; both are UTC.
    return sorted(rows, key=lambda row: row["recorded_at"].replace(tzinfo=None))


def opened(store: "MetadataStore") -> AbstractContextManager[Any]:
    """The store, opened for reading unless it is open."""
    return nullcontext(store) if store.is_open else store.open("read")


def recorded_features(store: "MetadataStore") -> dict[FeatureKey, Recorded]:
    """The definition of each feature that was recorded last, of all projects."""
    latest = {row["feature_key"]: row for row in recorded_rows(store)}
    return {it.definition.key: it for it in read_rows(latest.values(), str(store))}


def read_rows(rows: Iterable[dict[str, Any]], source: str) -> Iterator[Recorded]:
    """The definitions in rows. One that cannot be read is left out, with a warning."""
    for row in rows:
        try:
            definition = FeatureDefinition.from_stored_data(
                row["feature_spec"],
                row["feature_schema"] or "{}",
                row["feature_class_path"],
                row["project"],
                source=source,
            )
        except (ValueError, TypeError) as problem:
            warnings.warn(
                f"feature `{row['feature_key']}` is left out, for what {source} has recorded of "
                f"it cannot be read: {problem}",
                InvalidStoredFeatureWarning,
                stacklevel=2,
            )
            continue
        yield Recorded(definition, row["metaxy_feature_version"])


def closure(
    selections: Iterable[FeatureSelection],
    known: dict[FeatureKey, Recorded],
    own: Iterable[FeatureKey],
) -> tuple[list[Recorded], list[FeatureKey]]:
    """The recorded features that selections mean, with all that they depend on and that is not
    among `own`; and the keys that are not on record."""
    own = set(own)
    todo: list[FeatureKey] = []
    for selection in selections:
        todo += [key for key, it in known.items() if selection.selects(key, it.definition.project)]
        todo += selection.keys or []
    found: dict[FeatureKey, Recorded] = {}
    missing: dict[FeatureKey, None] = {}
    while todo:
        key = todo.pop()
        if key in own or key in found:
            continue
        if key not in known:
            missing[key] = None
            continue
        found[key] = known[key]
        todo.extend(dep.feature for dep in known[key].definition.spec.deps)
    return [found[key] for key in sorted(found)], sorted(missing)


def sync_external_features(
    store: "MetadataStore",
    *,
    selection: FeatureSelection | None = None,
    on_version_mismatch: OnVersionMismatch | None = None,
) -> list[FeatureDefinition]:
    """Replaces the external features of the active graph by what their projects have recorded.

    Features of `selection`, and of `extra_features` in the configuration, come along, and so does
    everything that they depend on. Returns the definitions that were loaded. A feature whose
    recorded version is another one than the external definition leads to is told as a warning or
    an error: as `on_version_mismatch` says, else as the definition does; with `locked` in the
    configuration it is an error.

    >>> import metalith as ml
    >>> with ml.FeatureGraph().use():
    ...     ml.sync_external_features(ml.InMemoryMetadataStore())
    []
    """
    graph = FeatureGraph.get_active()
    config = active_config()
    definitions = graph.feature_definitions_by_key
    external = {key: it for key, it in definitions.items() if it.is_external}
    own = [key for key in definitions if key not in external]
    parts = [FeatureSelection(keys=list(external))] if external else []
    parts += [it for it in (selection,) if it is not None]
    parts += config.extra_features
    if not parts:
        return []
    expected = {key: it for key in external if (it := _expected(graph, key)) is not None}
    known = recorded_features(store)
    found, _ = closure(parts, known, own)
    for it in found:
        graph.add_feature_definition(it.definition, on_conflict="ignore")
    _tell_mismatches(graph, expected, "error" if config.locked else on_version_mismatch)
    _tell_unresolved(graph, store)
    return [it.definition for it in found]


def _expected(graph: FeatureGraph, key: FeatureKey) -> _Expected | None:
    try:
        version, by_field = graph.get_feature_version(key), graph.get_feature_version_by_field(key)
    except GraphError:
        # Its upstreams are not known here, so nothing can be expected of it.
        return None
    return _Expected(graph.get_feature_definition(key), version, by_field)


def _tell_mismatches(
    graph: FeatureGraph,
    expected: dict[FeatureKey, _Expected],
    mode: OnVersionMismatch | None,
) -> None:
    told: dict[OnVersionMismatch, list[str]] = {"warn": [], "error": []}
    for key, before in expected.items():
        if graph.get_feature_definition(key).is_external:
            continue
        version = graph.get_feature_version(key)
        if version == before.version:
            continue
        by_field = graph.get_feature_version_by_field(key)
        fields = [
            f"\n    field `{name}`: expected {expected_field}, got {actual}"
            for name, expected_field, actual in differences(before.by_field, by_field)
        ]
        line = f"  {key}: expected {before.version}, got {version}{''.join(fields)}"
        told[mode or before.definition.on_version_mismatch].append(line)
    if told["warn"]:
        warnings.warn(
            _mismatches(told["warn"]), ExternalFeatureVersionMismatchWarning, stacklevel=3
        )
    if told["error"]:
        raise ExternalFeatureVersionMismatchError(
            _mismatches(told["error"]),
            hint="declare them as they are recorded, or as external with their key alone",
        )


def _mismatches(lines: list[str]) -> str:
    features = "feature, which is" if len(lines) == 1 else "features, which are"
    head = f"Version mismatch of {len(lines)} external {features} declared otherwise than recorded"
    return "\n".join([f"{head}:", *lines])


def _tell_unresolved(graph: FeatureGraph, store: "MetadataStore") -> None:
    left = sorted(key for key, it in graph.feature_definitions_by_key.items() if it.is_external)
    if left:
        names = ", ".join(f"`{key}`" for key in left)
        warnings.warn(
            f"external features could not be resolved: {names} not on record in {store}; push the "
            "graph of the project that has them",
            UnresolvedExternalFeatureWarning,
            stacklevel=3,
        )
