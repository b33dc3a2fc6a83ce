"""How many samples a feature has, and which."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import dagster as dg
import narwhals as nw

from metalith.ext.dagster.constants import EMPTY_DATA_VERSION
from metalith.ext.dagster.tables import definition_of
from metalith.keys import CoercibleToFeatureKey
from metalith.stores import MetadataStore

# The first one that a frame has tells its samples apart best.
_VERSIONS = ("metaxy_data_version", "metaxy_provenance", "metaxy_updated_at", "metaxy_created_at")


class FeatureStats(NamedTuple):
    """How many samples, and a version that changes with them."""

    row_count: int
    data_version: dg.DataVersion


def compute_stats_from_lazy_frame(lazy_df: nw.LazyFrame[Any]) -> FeatureStats:
    """The statistics of samples. The order of rows does not matter.

    >>> import polars as pl
    >>> samples = nw.from_native(pl.LazyFrame({"metaxy_data_version": ["b1", "a7"]}))
    >>> compute_stats_from_lazy_frame(samples).row_count
    2
    """
    known = set(lazy_df.collect_schema().names())
    column = next((name for name in _VERSIONS if name in known), None)
    frame = (lazy_df if column is None else lazy_df.select(column)).collect()
    if len(frame) == 0:
        return FeatureStats(0, dg.DataVersion(EMPTY_DATA_VERSION))
    versions: Sequence[object] = [] if column is None else frame[column].to_list()
    digest = hashlib.sha256(str(len(frame)).encode())
    for version in sorted(map(str, versions)):
        digest.update(f"|{version}".encode())
    return FeatureStats(len(frame), dg.DataVersion(digest.hexdigest()[:32]))


def compute_feature_stats(
    store: MetadataStore, feature: CoercibleToFeatureKey, *, filters: Sequence[nw.Expr] = ()
) -> FeatureStats:
    """The statistics of a feature's current samples. The store is open."""
    columns = [*definition_of(feature).id_columns, "metaxy_data_version"]
    rows = store.read(feature, filters=list(filters), columns=columns)
    return compute_stats_from_lazy_frame(rows)


def compute_row_count(lazy_df: nw.LazyFrame[Any]) -> int:
    """How many rows there are."""
    return int(lazy_df.select(nw.len()).collect().item())
