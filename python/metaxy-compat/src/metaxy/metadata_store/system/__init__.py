"""What a store records about features."""

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
    "EVENTS_KEY",
    "FEATURE_VERSIONS_KEY",
    "METAXY_SYSTEM_KEY_PREFIX",
    "PushResult",
    "SystemTableStorage",
    "UnknownSnapshotError",
]
