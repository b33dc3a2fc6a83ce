"""How features stand in a store."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import narwhals as nw
from metalith.graph import FeatureGraph
from metalith.increment import LazyIncrement
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import MetadataStore
from pydantic import BaseModel, Field

from metaxy.metadata_store.exceptions import FeatureNotFoundError

__all__ = [
    "FeatureMetadataStatus",
    "FeatureMetadataStatusWithIncrement",
    "FullFeatureMetadataRepresentation",
    "StatusCategory",
    "count_lazy_rows",
    "format_sample_previews",
    "get_feature_metadata_status",
]

StatusCategory = Literal["missing", "needs_update", "up_to_date", "root_feature", "error"]

ICONS: dict[StatusCategory, str] = {
    "missing": "✗",
    "root_feature": "○",
    "needs_update": "⚠",
    "up_to_date": "✓",
    "error": "!",
}
Filters = Sequence[nw.Expr | str]


class FullFeatureMetadataRepresentation(BaseModel):
    """How a feature stands, as `metaxy metadata status --format json` prints it."""

    feature_key: str
    status: StatusCategory
    needs_update: bool
    metadata_exists: bool
    store_rows: int
    missing: int | None
    stale: int | None
    orphaned: int | None
    target_version: str
    is_root_feature: bool = False
    sample_details: list[str] | None = None
    store_metadata: dict[str, Any] | None = None
    error_message: str | None = None
    progress_percentage: float | None = None


class FeatureMetadataStatus(BaseModel):
    """How a feature stands: how many samples are there, and how many need something."""

    feature_key: FeatureKey
    target_version: str
    metadata_exists: bool
    store_row_count: int
    missing_count: int
    stale_count: int
    orphaned_count: int
    needs_update: bool
    is_root_feature: bool = False
    store_metadata: dict[str, Any] = Field(default_factory=dict[str, Any])
    progress_percentage: float | None = None

    @property
    def status_category(self) -> StatusCategory:
        """All of it in a word."""
        if not self.metadata_exists:
            return "missing"
        if self.is_root_feature:
            return "root_feature"
        return "needs_update" if self.needs_update else "up_to_date"

    def format_status_line(self) -> str:
        """All of it in a line."""
        counts = f"rows: {self.store_row_count}"
        if not self.is_root_feature:
            counts += (
                f", missing: {self.missing_count}, stale: {self.stale_count}, "
                f"orphaned: {self.orphaned_count}"
            )
        return f"{ICONS[self.status_category]} {self.feature_key} ({counts})"


class FeatureMetadataStatusWithIncrement(NamedTuple):
    """The same, with the samples. A root feature has no increment."""

    status: FeatureMetadataStatus
    lazy_increment: LazyIncrement | None

    @property
    def status_category(self) -> StatusCategory:
        """All of it in a word."""
        return self.status.status_category

    def sample_details(self, *, limit: int = 5) -> list[str]:
        """Some of the samples that need something."""
        if self.lazy_increment is None:
            return []
        status = self.status
        counts = (status.missing_count, status.stale_count, status.orphaned_count)
        return format_sample_previews(self.lazy_increment, *counts, limit=limit)

    def to_representation(self, *, verbose: bool) -> FullFeatureMetadataRepresentation:
        """As it is printed; `verbose` is with samples."""
        status = self.status
        is_known = not status.is_root_feature
        return FullFeatureMetadataRepresentation(
            feature_key=str(status.feature_key),
            status=status.status_category,
            needs_update=status.needs_update,
            metadata_exists=status.metadata_exists,
            store_rows=status.store_row_count,
            missing=status.missing_count if is_known else None,
            stale=status.stale_count if is_known else None,
            orphaned=status.orphaned_count if is_known else None,
            target_version=status.target_version,
            is_root_feature=status.is_root_feature,
            sample_details=(self.sample_details() or None) if verbose else None,
            store_metadata=status.store_metadata or None,
            progress_percentage=status.progress_percentage,
        )


def count_lazy_rows(lazy_frame: nw.LazyFrame[Any]) -> int:
    """How many rows there are."""
    return int(lazy_frame.select(nw.len()).collect().item())


def format_sample_previews(
    lazy_increment: LazyIncrement,
    missing_count: int,
    stale_count: int,
    orphaned_count: int,
    limit: int = 5,
) -> list[str]:
    """The first samples of each kind that there are."""
    kinds = [
        ("Missing", missing_count, lazy_increment.new),
        ("Stale", stale_count, lazy_increment.stale),
        ("Orphaned", orphaned_count, lazy_increment.orphaned),
    ]
    lines: list[str] = []
    for name, count, frame in kinds:
        if count > 0:
            some = frame.head(limit).collect().to_polars()
            lines += [f"{name} samples:", some.glimpse(return_type="string").strip()]
    return lines


def get_feature_metadata_status(
    feature_key: CoercibleToFeatureKey,
    metadata_store: MetadataStore,
    *,
    use_fallback: bool = True,
    global_filters: Filters | None = None,
    target_filters: Filters | None = None,
    staleness_predicates: Filters | None = None,
    compute_progress: bool = False,
) -> FeatureMetadataStatusWithIncrement:
    """How a feature stands in a store that is open.

    `global_filters` are about it and its upstreams, `target_filters` about it alone; samples that
    meet one of the `staleness_predicates` count as stale.
    """
    key, graph = coerce_to_feature_key(feature_key), FeatureGraph.get_active()
    if key not in graph:
        raise ValueError(f"Feature {key} not found in active graph")
    spec = graph.get_feature_definition(key).spec
    of_all, own = list(global_filters or ()), list(target_filters or ())
    try:
        rows: int | None = count_lazy_rows(
            metadata_store.read(
                key,
                columns=list(spec.id_columns),
                filters=[*of_all, *own] or None,
                allow_fallback=use_fallback,
            )
        )
    except FeatureNotFoundError:
        rows = None
    increment, counts, progress = None, [0, 0, 0], None
    if spec.deps:
        increment = metadata_store.resolve_update(
            key,
            lazy=True,
            global_filters=of_all or None,
            target_filters=own or None,
            staleness_predicates=list(staleness_predicates or ()) or None,
        )
        kinds = (increment.new, increment.stale, increment.orphaned)
        counts = [count_lazy_rows(frame) for frame in kinds]
        if compute_progress:
            progress = metadata_store.calculate_input_progress(increment, key)
    status = FeatureMetadataStatus(
        feature_key=key,
        target_version=graph.get_feature_version(key),
        metadata_exists=rows is not None,
        store_row_count=rows or 0,
        missing_count=counts[0],
        stale_count=counts[1],
        orphaned_count=counts[2],
        needs_update=any(counts),
        is_root_feature=not spec.deps,
        store_metadata=metadata_store.get_store_metadata(key),
        progress_percentage=progress,
    )
    return FeatureMetadataStatusWithIncrement(status, increment)
