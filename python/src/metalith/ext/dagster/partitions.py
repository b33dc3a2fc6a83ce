"""Which samples belong to an asset or to one of its partitions."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import dagster as dg
import narwhals as nw

from metalith.errors import InvalidError
from metalith.ext.dagster.constants import PARTITION_KEY, PARTITION_METADATA_KEY


def build_partition_filter(
    partition_col: str | Mapping[str, str] | None, partition_key: str | None
) -> list[nw.Expr]:
    """The filter for a partition: none without a column or a key.

    With partitions in several dimensions the columns are given by dimension.

    >>> build_partition_filter("day", "2024-01-31")
    [col(day).__eq__(2024-01-31)]
    >>> build_partition_filter(None, "2024-01-31")
    []
    """
    if partition_col is None or partition_key is None:
        return []
    if isinstance(partition_col, str):
        return [nw.col(partition_col) == str(partition_key)]
    keys = _by_dimension(partition_key)
    return [nw.col(column) == keys[name] for name, column in sorted(partition_col.items())]


def _by_dimension(partition_key: str) -> Mapping[str, str]:
    if not isinstance(partition_key, dg.MultiPartitionKey):
        raise InvalidError(
            f"partition `{partition_key}` has one dimension, and `{PARTITION_KEY}` names several",
            hint=f"write `{PARTITION_KEY}` as the name of one column",
        )
    return partition_key.keys_by_dimension


def build_metaxy_partition_filter(partition: Mapping[str, str] | None) -> list[nw.Expr]:
    """The filter for the part of a feature that an asset declares as its own.

    >>> build_metaxy_partition_filter({"region": "eu"})
    [col(region).__eq__(eu)]
    """
    return [nw.col(column) == value for column, value in sorted((partition or {}).items())]


def get_partition_filter(context: Any, spec: dg.AssetSpec) -> list[nw.Expr]:
    """The filters for what an asset works on: its own part, and the partition of the run."""
    own = build_metaxy_partition_filter(own_part(spec.metadata))
    return [*own, *build_partition_filter(partition_column(spec.metadata), partition_key(context))]


def partition_key(context: Any) -> str | None:
    """The partition that a context is about, if it is about one."""
    # A context outside of a run has no answer to some of these.
    try:
        return context.partition_key if context.has_partition_key else None
    except (dg.DagsterInvariantViolationError, dg.DagsterInvalidPropertyError, AttributeError):
        return None


def partition_column(metadata: Mapping[str, Any]) -> str | Mapping[str, str] | None:
    """What an asset's metadata says about the column with the partition."""
    given: object = plain(metadata.get(PARTITION_KEY))
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, Mapping):
        return cast("Mapping[str, str]", given)
    raise InvalidError(
        f"`{PARTITION_KEY}` of an asset is {given!r}",
        hint="write the name of a column, or columns by dimension",
    )


def own_part(metadata: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What an asset's metadata says about the part that is its own."""
    given: object = plain(metadata.get(PARTITION_METADATA_KEY))
    if given is None or isinstance(given, Mapping):
        return cast("Mapping[str, str] | None", given)
    raise InvalidError(
        f"`{PARTITION_METADATA_KEY}` of an asset is {given!r}", hint="write values by column"
    )


def plain(value: object) -> object:
    """The value of metadata that Dagster may have wrapped."""
    return cast("Any", value).value if isinstance(value, dg.MetadataValue) else value


def input_filter(context: dg.InputContext, metadata: Mapping[str, Any]) -> list[nw.Expr]:
    """The filters for what an asset takes of its upstream: the partitions that Dagster maps."""
    filters = build_metaxy_partition_filter(own_part(metadata))
    column = partition_column(metadata)
    if column is None or not context.has_asset_partitions:
        return filters
    keys = context.asset_partition_keys
    if _is_everything(context, keys):
        return filters
    if isinstance(column, str):
        return [*filters, nw.col(column).is_in([str(key) for key in keys])]
    alternatives = [
        nw.all_horizontal(*build_partition_filter(column, key), ignore_nulls=False) for key in keys
    ]
    return [*filters, nw.any_horizontal(*alternatives, ignore_nulls=False)]


def _is_everything(context: dg.InputContext, keys: Sequence[str]) -> bool:
    """Whether all partitions are taken. Then samples of none of them are, too."""
    definition = context.asset_partitions_def
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return False
    return set(keys) == set(definition.get_partition_keys())
