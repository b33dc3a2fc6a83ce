"""Columns of maps, where `enable_map_datatype` is set.

Polars has a type of maps since 2.0; before, `polars-map` adds one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import narwhals as nw
from metalith.frames import to_arrow

from metaxy.models.constants import METAXY_DATA_VERSION_BY_FIELD, METAXY_PROVENANCE_BY_FIELD

if TYPE_CHECKING:
    import polars as pl

_BY_FIELD = (METAXY_PROVENANCE_BY_FIELD, METAXY_DATA_VERSION_BY_FIELD)


def without_map_type(rows: Any) -> Any:
    """Rows as Arrow has them: the type of maps that `polars-map` adds becomes Arrow's."""
    given = to_arrow(rows)
    if type(given).__module__.partition(".")[0] != "polars" or _has_maps_itself():
        return given
    return import_module("polars_map").to_arrow(given)


def with_map_type(frame: Any) -> "nw.DataFrame[Any]":
    """Rows of Arrow as Polars has them, with its maps, and the versions by field as maps."""
    import polars as pl

    if _has_maps_itself():
        rows = pl.DataFrame(frame)
    else:
        rows = import_module("polars_map").from_arrow(import_module("pyarrow").table(frame))
    maps = [
        _as_map(name, [it.name for it in of.fields])
        for name, of in rows.schema.items()
        if name.startswith(_BY_FIELD) and isinstance(of, pl.Struct) and of.fields
    ]
    return nw.from_native(rows.with_columns(maps), eager_only=True)


def _as_map(column: str, members: list[str]) -> "pl.Expr":
    import polars as pl

    given = pl.col(column)
    pairs = [
        pl.struct(pl.lit(name).alias("key"), given.struct.field(name).alias("value"))
        for name in members
    ]
    # Neither accessor is one that every version of Polars has.
    entries: Any = pl.when(given.is_not_null()).then(pl.concat_list(pairs))
    found = entries.list.to_map() if _has_maps_itself() else entries.map.from_entries()
    return found.alias(column)


def _has_maps_itself() -> bool:
    import polars as pl

    return hasattr(pl, "Map")
