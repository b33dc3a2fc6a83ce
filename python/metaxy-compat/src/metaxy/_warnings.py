"""Warnings."""

import warnings

from metalith.definition import ExternalFeatureVersionMismatchWarning

__all__ = [
    "ExternalFeatureVersionMismatchWarning",
    "InvalidStoredFeatureWarning",
    "MovedMetadataStoreWarning",
    "UnresolvedExternalFeatureWarning",
    "warn_moved",
]


class MovedMetadataStoreWarning(DeprecationWarning):
    """A store is imported from where it was once."""


class UnresolvedExternalFeatureWarning(UserWarning):
    """A feature of another project is not in the store."""


class InvalidStoredFeatureWarning(UserWarning):
    """A stored definition cannot be read."""


def warn_moved(old: str, new: str) -> None:
    """Says where a store is now."""
    warnings.warn(
        f"import from `{new}` instead of `{old}`", MovedMetadataStoreWarning, stacklevel=3
    )
