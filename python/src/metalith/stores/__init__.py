"""Stores: where the metadata of features lives."""

from metalith.stores.base import MetadataStore
from metalith.stores.deletions import (
    Blocker,
    CascadeMode,
    Deletion,
    DeletionPlan,
    DeletionStep,
)
from metalith.stores.delta import DeltaMetadataStore
from metalith.stores.memory import InMemoryMetadataStore
from metalith.stores.session import AccessMode

__all__ = [
    "AccessMode",
    "Blocker",
    "CascadeMode",
    "Deletion",
    "DeletionPlan",
    "DeletionStep",
    "DeltaMetadataStore",
    "InMemoryMetadataStore",
    "MetadataStore",
]
