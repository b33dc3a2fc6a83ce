"""Features of other projects."""

from metalith.recorded import sync_external_features

__all__ = ["sync_external_features"]
