"""The lock file: what other projects' features were when it was written."""

from metalith import lockfile
from metalith.definition import FeatureDefinition
from metalith.lockfile import (
    FeatureChange,
    FeatureUpdate,
    LockedFeature,
    LockedFeatureInfo,
    LockFile,
    LockFileResult,
    generate_lock_file,
)

from metaxy.config import MetaxyConfig

__all__ = [
    "FeatureChange",
    "FeatureUpdate",
    "LockFile",
    "LockFileResult",
    "LockedFeature",
    "LockedFeatureInfo",
    "generate_lock_file",
    "load_lock_file",
]


def load_lock_file(config: MetaxyConfig) -> list[FeatureDefinition]:
    """Adds the features of a configuration's lock file to the active graph, as external ones."""
    return lockfile.load_lock_file(config.lock_file)
