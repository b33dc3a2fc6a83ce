"""What a store records about features."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from metalith.definition import FeatureDefinition
from metalith.errors import FeatureNotFoundError, UnsupportedError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey
from metalith.stores import DeltaMetadataStore, MetadataStore

if TYPE_CHECKING:
    import polars as pl

METAXY_SYSTEM_KEY_PREFIX = "metaxy-system"
FEATURE_VERSIONS_KEY = FeatureKey([METAXY_SYSTEM_KEY_PREFIX, "feature_versions"])
EVENTS_KEY = FeatureKey([METAXY_SYSTEM_KEY_PREFIX, "events"])


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
        """Records the active graph, unless it is the one recorded last."""
        given = {key: str(value) for key, value in (tags or {}).items()}
        version, features = self.store.push_graph(project, tags=given)
        return PushResult(version, not features, [str(key) for key in features])

    def read_graph_snapshots(self, project: str | None = None) -> "pl.DataFrame":
        """The graphs that were recorded, the newest first: version, time and how many features."""
        import polars as pl

        grouped = self._recorded(project).group_by("metaxy_project_version")
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
        """Definitions that were recorded: the latest of each feature, or those of one graph."""
        import polars as pl

        rows = self._recorded(project)
        if project_version is not None:
            # Only what has changed is recorded: the rest of a graph is what was there before.
            own = rows.filter(pl.col("metaxy_project_version") == project_version)
            rows = rows.filter(pl.col("recorded_at") <= own["recorded_at"].max())
        if not current and project_version is None:
            return rows
        latest = rows.sort("recorded_at").unique(["project", "feature_key"], keep="last")
        return latest.sort("project", "feature_key")

    def load_graph_from_snapshot(
        self, project_version: str, project: str | None = None
    ) -> FeatureGraph:
        """The graph of what was recorded with a version."""
        graph = FeatureGraph()
        rows = self.read_features(project_version=project_version, project=project)
        for row in rows.iter_rows(named=True):
            graph.add_feature_definition(
                FeatureDefinition.from_stored_data(
                    row["feature_spec"],
                    row["feature_schema"],
                    row["feature_class_path"],
                    row["project"],
                )
            )
        if not len(graph):
            raise FeatureNotFoundError(f"no graph `{project_version}` is recorded")
        return graph

    def _recorded(self, project: str | None) -> "pl.DataFrame":
        import polars as pl

        store = self.store
        if not isinstance(store, DeltaMetadataStore):
            raise UnsupportedError(
                f"what {store.display()} has recorded cannot be read", code="metaxy.record"
            )
        # The table of a feature of this name, but for that it is none.
        nested, flat = "/".join(FEATURE_VERSIONS_KEY.parts), "__".join(FEATURE_VERSIONS_KEY.parts)
        is_flat = store.display().endswith("layout=flat)")
        address = f"{store.root_path}/{flat if is_flat else nested}.delta"
        rows = pl.read_delta(address, storage_options=store._options)  # pyright: ignore[reportPrivateUsage]
        return rows if project is None else rows.filter(pl.col("project") == project)
