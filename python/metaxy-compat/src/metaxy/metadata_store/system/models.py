"""What is recorded about features, as a model and as columns."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import polars as pl
from pydantic import BaseModel, field_validator

from metaxy.metadata_store.system.keys import FEATURE_VERSIONS_KEY
from metaxy.metadata_store.system.storage import columns

FEATURE_VERSIONS_SCHEMA: dict[str, Any] = columns()
POLARS_SCHEMAS = {FEATURE_VERSIONS_KEY: FEATURE_VERSIONS_SCHEMA}
METAXY_TAG = "metaxy"
METAXY_VERSION_KEY = "version"

__all__ = [
    "FEATURE_VERSIONS_SCHEMA",
    "METAXY_TAG",
    "METAXY_VERSION_KEY",
    "POLARS_SCHEMAS",
    "FeatureVersionsModel",
]


class FeatureVersionsModel(BaseModel):
    """A feature as it was recorded."""

    project: str
    feature_key: str
    metaxy_feature_version: str
    metaxy_definition_version: str
    recorded_at: datetime
    feature_spec: str
    feature_schema: str
    feature_class_path: str
    metaxy_project_version: str
    tags: str = "{}"
    deleted_at: datetime | None = None

    @field_validator("tags", mode="before")
    @classmethod
    def _as_text(cls, given: object) -> object:
        if given is None or isinstance(given, Mapping):
            return json.dumps(dict(cast("Mapping[str, str]", given or {})))
        return given

    def to_polars(self) -> pl.DataFrame:
        """A frame with this row."""
        return pl.DataFrame([self.model_dump()], schema=FEATURE_VERSIONS_SCHEMA)
