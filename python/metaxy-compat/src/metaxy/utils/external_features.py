"""Features of other projects."""

from typing import Literal

from metalith.definition import FeatureDefinition
from metalith.errors import UnsupportedError
from metalith.selection import FeatureSelection
from metalith.stores import MetadataStore


def sync_external_features(
    store: MetadataStore,
    *,
    selection: FeatureSelection | None = None,
    on_version_mismatch: Literal["warn", "error"] | None = None,
) -> list[FeatureDefinition]:
    """Would load features of other projects from a store's record."""
    raise UnsupportedError(
        f"definitions cannot be loaded from {store.display()} yet",
        code="metaxy.sync",
        hint="declare them with `FeatureDefinition.external`",
    )
