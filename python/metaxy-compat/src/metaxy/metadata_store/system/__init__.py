"""What a store records about features."""

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
    "PushResult",
    "SystemTableStorage",
    "UnknownSnapshotError",
]
