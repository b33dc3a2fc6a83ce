"""What a store records about features."""

import importlib
from typing import TYPE_CHECKING, Any

from metaxy.metadata_store.system.keys import (
    EVENTS_KEY,
    FEATURE_VERSIONS_KEY,
    METAXY_SYSTEM_KEY_PREFIX,
)
from metaxy.metadata_store.system.storage import (
    PushResult,
    SystemTableStorage,
    UnknownSnapshotError,
)

if TYPE_CHECKING:
    from metaxy.metadata_store.system.events import (
        COL_EVENT_TYPE,
        COL_EXECUTION_ID,
        COL_FEATURE_KEY,
        COL_PAYLOAD,
        COL_PROJECT,
        COL_TIMESTAMP,
        Event,
        EventType,
        PayloadType,
    )
    from metaxy.metadata_store.system.models import FEATURE_VERSIONS_SCHEMA, FeatureVersionsModel

__all__ = [
    "COL_EVENT_TYPE",
    "COL_EXECUTION_ID",
    "COL_FEATURE_KEY",
    "COL_PAYLOAD",
    "COL_PROJECT",
    "COL_TIMESTAMP",
    "Event",
    "EventType",
    "PayloadType",
    "EVENTS_KEY",
    "FEATURE_VERSIONS_KEY",
    "METAXY_SYSTEM_KEY_PREFIX",
    "FEATURE_VERSIONS_SCHEMA",
    "FeatureVersionsModel",
    "PushResult",
    "SystemTableStorage",
    "UnknownSnapshotError",
]


def __getattr__(name: str) -> Any:
    # Polars is imported by those who need it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "models" if name.startswith("F") else "events"
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
