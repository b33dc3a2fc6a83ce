"""Features as types of outputs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg
import narwhals as nw

from metalith.ext.dagster.assets import description_of
from metalith.ext.dagster.constants import (
    COLUMN_LINEAGE_METADATA_KEY,
    COLUMN_SCHEMA_METADATA_KEY,
    INFO_METADATA_KEY,
)
from metalith.ext.dagster.results import build_feature_info_metadata
from metalith.ext.dagster.tables import build_column_lineage, build_column_schema, definition_of
from metalith.keys import CoercibleToFeatureKey, FeatureKey


def feature_to_dagster_type(
    feature: CoercibleToFeatureKey,
    *,
    name: str | None = None,
    description: str | None = None,
    inject_column_schema: bool = True,
    inject_column_lineage: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> dg.DagsterType:
    """A type of Dagster that takes frames, or nothing, as outputs of a feature's assets."""
    definition = definition_of(feature)
    key = definition.key
    found: dict[str, Any] = {INFO_METADATA_KEY: build_feature_info_metadata(key)}
    if definition.feature_class() is not None:
        if inject_column_schema:
            found[COLUMN_SCHEMA_METADATA_KEY] = build_column_schema(definition)
        lineage = build_column_lineage(definition) if inject_column_lineage else None
        if lineage is not None:
            found[COLUMN_LINEAGE_METADATA_KEY] = lineage
    return dg.DagsterType(
        type_check_fn=partial(_check, key),
        name=name or definition.table_name,
        description=description or description_of(key) or f"Metaxy feature `{key}`",
        metadata={**found, **(metadata or {})},
    )


def _check(key: FeatureKey, _: dg.TypeCheckContext, value: object) -> dg.TypeCheck:
    if value is None or _is_frame(value):
        return dg.TypeCheck(success=True)
    kind = type(value).__name__
    return dg.TypeCheck(
        success=False,
        description=f"`{key}` takes a frame or None, not a value of type `{kind}`",
    )


def _is_frame(value: object) -> bool:
    if isinstance(value, (nw.DataFrame, nw.LazyFrame)):
        return True
    native: Any = nw.from_native(value, pass_through=True)
    return isinstance(native, (nw.DataFrame, nw.LazyFrame)) or hasattr(value, "__arrow_c_stream__")
