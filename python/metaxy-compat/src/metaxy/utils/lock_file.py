"""The lock file: what other projects' features were when it was written."""

from pathlib import Path

from metalith import lockfile
from metalith.definition import FeatureDefinition
from metalith.lockfile import (
    FeatureChange,
    FeatureUpdate,
    LockedFeature,
    LockedFeatureInfo,
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


class LockFile(lockfile.LockFile):
    """What a lock file says.

    >>> LockFile.from_toml(LockFile(features={}).to_toml()).features
    {}
    """

    @classmethod
    def from_toml(cls, content: str, *, path: Path | None = None) -> "LockFile":
        """Reads the text of a lock file."""
        return cls(features=cls.parse(content, path).features)


def load_lock_file(config: MetaxyConfig) -> list[FeatureDefinition]:
    """Adds the features of a configuration's lock file to the active graph, as external ones."""
    return lockfile.load_lock_file(config.lock_file)
