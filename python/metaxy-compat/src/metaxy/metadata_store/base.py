"""The base of all stores."""

from typing import Literal

import narwhals as nw
from metalith.stores import MetadataStore
from pydantic import BaseModel, ConfigDict

from metaxy._hashing import HashAlgorithm

__all__ = ["MetadataStore", "MetadataStoreConfig", "VersioningEngineOptions"]

VersioningEngineOptions = Literal["auto", "native", "polars"]


class MetadataStoreConfig(BaseModel):
    """What every store is made of in `metaxy.toml`."""

    model_config = ConfigDict(extra="forbid")

    fallback_stores: list[str] | None = None
    hash_algorithm: HashAlgorithm | None = None
    versioning_engine: VersioningEngineOptions = "auto"
    auto_create_tables: bool | None = None


def _is_map_column(df: nw.DataFrame | nw.LazyFrame, column: str) -> bool:
    """Whether a column has maps, of Arrow or of Polars, and they are wanted."""
    from metaxy.config import MetaxyConfig

    if not MetaxyConfig.get().enable_map_datatype:
        return False
    native = nw.to_native(df)
    if hasattr(native, "collect_schema"):
        kind = type(native.collect_schema()[column])
        module = kind.__module__.partition(".")[0]
        return kind.__name__ == "Map" and module in ("polars", "polars_map")
    return str(native.schema.field(column).type).startswith("map<")
