"""Events, as Metaxy describes them. Neither Metaxy nor Metalith writes any."""

from datetime import datetime, timezone
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

COL_PROJECT = "project"
COL_EXECUTION_ID = "execution_id"
COL_EVENT_TYPE = "event_type"
COL_TIMESTAMP = "timestamp"
COL_FEATURE_KEY = "feature_key"
COL_PAYLOAD = "payload"


class EventType(str, Enum):
    """What happened: there is nothing that does."""


class PayloadType(str, Enum):
    """What an event tells."""

    EMPTY = "empty"
    ERROR = "error"
    ROWS_AFFECTED = "rows_affected"


EVENTS_SCHEMA: dict[str, Any] = {
    COL_PROJECT: pl.String,
    COL_EXECUTION_ID: pl.String,
    COL_EVENT_TYPE: pl.Enum([it.value for it in EventType]),
    COL_TIMESTAMP: pl.Datetime("us"),
    COL_FEATURE_KEY: pl.String,
    COL_PAYLOAD: pl.String,
}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class EmptyPayload(_Frozen):
    """Nothing more."""

    type: Literal[PayloadType.EMPTY] = PayloadType.EMPTY


class ErrorPayload(_Frozen):
    """What went wrong, and after how many rows."""

    type: Literal[PayloadType.ERROR] = PayloadType.ERROR
    error_message: str
    rows_affected: int | None = None


class RowsAffectedPayload(_Frozen):
    """How many rows."""

    type: Literal[PayloadType.ROWS_AFFECTED] = PayloadType.ROWS_AFFECTED
    rows_affected: int


Payload: TypeAlias = EmptyPayload | ErrorPayload | RowsAffectedPayload


class Event(_Frozen):
    """Something that happened in the course of an execution."""

    event_type: EventType
    project: str
    execution_id: str
    timestamp: datetime = Field(default_factory=lambda: datetime.now(timezone.utc))
    feature_key: str | None = None
    payload: Annotated[Payload, Field(default_factory=EmptyPayload, discriminator="type")]

    def to_polars(self) -> pl.DataFrame:
        """A frame with this row."""
        row = {**self.model_dump(), COL_PAYLOAD: self.payload.model_dump_json()}
        return pl.DataFrame([row], schema=EVENTS_SCHEMA)
