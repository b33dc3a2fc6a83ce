"""Warnings."""

import warnings

from metalith.definition import ExternalFeatureVersionMismatchWarning
from metalith.recorded import InvalidStoredFeatureWarning, UnresolvedExternalFeatureWarning

__all__ = [
    "ExternalFeatureVersionMismatchWarning",
    "InvalidStoredFeatureWarning",
    "MovedMetadataStoreWarning",
    "UnresolvedExternalFeatureWarning",
    "warn_moved",
]


class MovedMetadataStoreWarning(DeprecationWarning):
    """A store is imported from where it was once."""


def warn_moved(old: str, new: str) -> None:
    """Says where a store is now."""
    warnings.warn(
        f"import from `{new}` instead of `{old}`", MovedMetadataStoreWarning, stacklevel=3
    )
