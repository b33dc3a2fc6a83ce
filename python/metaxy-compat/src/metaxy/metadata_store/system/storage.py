"""What a store records about features."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals as nw
from metalith.config import active_config
from metalith.definition import FeatureDefinition
from metalith.errors import FeatureNotFoundError, InvalidError
from metalith.graph import FeatureGraph
from metalith.recorded import read_rows, recorded_features, recorded_rows
from metalith.selection import FeatureSelection
from metalith.stores import MetadataStore

if TYPE_CHECKING:
    import polars as pl

_VERSION = "metaxy_project_version"


class UnknownSnapshotError(FeatureNotFoundError, ValueError):
    """No graph of that version is recorded."""


class PushResult(NamedTuple):
    """What recording a graph did."""

    project_version: str
    already_pushed: bool
    updated_features: list[str]


class SystemTableStorage:
    """The record of a store."""

    def __init__(self, store: MetadataStore) -> None:
        self.store = store

    def push_graph_snapshot(
        self, *, project: str | None = None, tags: Mapping[str, Any] | None = None
    ) -> PushResult:
        """Records the active graph, unless it is the one recorded last.

        `updated_features` are those that were only declared otherwise than in a graph of the same
        version, which was there already.
        """
        graph = FeatureGraph.get_active()
        projects = {
            it.project for it in graph.feature_definitions_by_key.values() if not it.is_external
        }
        if not projects:
            raise InvalidError("No features in active graph to push.")
        project = project or (projects.pop() if len(projects) == 1 else active_config().project)
        if project is None:
            raise InvalidError("the graph has features of several projects", hint="name one")
        before = [row[_VERSION] for row in self._rows(project)]
        given = {key: str(value) for key, value in (tags or {}).items()}
        version, features = self.store.push_graph(project, tags=given)
        is_known = before[-1:] == [version]
        updated = [str(key) for key in features] if is_known else []
        return PushResult(version, is_known, updated)

    def read_graph_snapshots(self, project: str | None = None) -> "pl.DataFrame":
        """The graphs that were recorded, the newest first: version, time and how many features."""
        import polars as pl

        grouped = self._recorded(project).group_by(_VERSION)
        counted = grouped.agg(
            pl.col("recorded_at").min(), pl.col("feature_key").n_unique().alias("feature_count")
        )
        return counted.sort("recorded_at", descending=True)

    def read_features(
        self,
        *,
        current: bool = True,
        project_version: str | None = None,
        project: str | None = None,
    ) -> "pl.DataFrame":
        """The definitions that were recorded with the version of the active graph, or with a
        version that is named."""
        import polars as pl

        if current:
            project_version = self._current(project)
        elif project_version is None:
            raise ValueError("Must provide project_version when current=False")
        rows = self._recorded(project).filter(pl.col(_VERSION) == project_version)
        # The newest is what was declared last with that version.
        latest = rows.sort("recorded_at").unique(["project", "feature_key"], keep="last")
        return latest.sort("project", "feature_key")

    def _current(self, project: str | None) -> str:
        graph = FeatureGraph.get_active()
        projects = {it.project for it in graph.feature_definitions_by_key.values()}
        if project is None and len(projects) == 1:
            project = projects.pop()
        return graph.project_version if project is None else graph.get_project_version(project)

    def load_graph_from_snapshot(
        self, project_version: str, project: str | None = None
    ) -> FeatureGraph:
        """The graph of what was recorded with a version."""
        graph = FeatureGraph()
        found = self.read_features(current=False, project_version=project_version, project=project)
        for definition in self._definitions(found.to_dicts()):
            graph.add_feature_definition(definition)
        if not len(graph):
            of_project = "" if project is None else f" in project {project}"
            raise UnknownSnapshotError(
                f"No features recorded for snapshot {project_version}{of_project}"
            )
        return graph

    def resolve_selection(self, selection: FeatureSelection) -> list[FeatureDefinition]:
        """The recorded definitions that a selection means; what is not on record is left out."""
        known = recorded_features(self.store).items()
        return [it.definition for key, it in known if selection.selects(key, it.definition.project)]

    def _load_feature_definitions_raw(
        self,
        *,
        projects: Sequence[str] | None = None,
        filters: Sequence[nw.Expr] | None = None,
        graph: FeatureGraph | None = None,
    ) -> list[FeatureDefinition]:
        """Adds what was recorded last of each feature to a graph, unless it is there."""
        rows = nw.from_native(self._recorded(None)).sort("recorded_at")
        latest = rows.unique("feature_key", keep="last", maintain_order=True)
        if projects is not None:
            latest = latest.filter(nw.col("project").is_in(list(projects)))
        for condition in filters or ():
            latest = latest.filter(condition)
        found = self._definitions(latest.rows(named=True))
        graph = FeatureGraph.get_active() if graph is None else graph
        for definition in found:
            graph.add_feature_definition(definition, on_conflict="ignore")
        return found

    def _definitions(self, rows: Iterable[dict[str, Any]]) -> list[FeatureDefinition]:
        return [it.definition for it in read_rows(rows, str(self.store))]

    def _rows(self, project: str | None) -> list[dict[str, Any]]:
        return [it for it in recorded_rows(self.store) if project in (None, it["project"])]

    def _recorded(self, project: str | None) -> "pl.DataFrame":
        import polars as pl

        rows = self._rows(project)
        if not rows:
            return pl.DataFrame(schema=columns())
        return pl.DataFrame(rows, infer_schema_length=None)


def columns() -> dict[str, Any]:
    """What is recorded about a feature, and in which types."""
    import polars as pl

    texts = ("project", "feature_key", "metaxy_feature_version", "metaxy_definition_version")
    rest = ("feature_spec", "feature_schema", "feature_class_path", _VERSION, "tags")
    times = {name: pl.Datetime("us") for name in ("recorded_at", "deleted_at")}
    return {**dict.fromkeys((*texts, *rest), pl.String), **times}
