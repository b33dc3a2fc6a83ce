"""Keeps the metadata of ML pipelines: which sample came from what, what to recompute, what may go.

Names are imported when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metalith.config import MetalithConfig as MetalithConfig
    from metalith.config import StoreConfig as StoreConfig
    from metalith.definition import FeatureDefinition as FeatureDefinition
    from metalith.entrypoints import init as init
    from metalith.entrypoints import load_features as load_features
    from metalith.entrypoints import load_module_entrypoint as load_module_entrypoint
    from metalith.entrypoints import load_package_entrypoints as load_package_entrypoints
    from metalith.feature import BaseFeature as BaseFeature
    from metalith.feature import Feature as Feature
    from metalith.fields import AllFieldsMapping as AllFieldsMapping
    from metalith.fields import DefaultFieldsMapping as DefaultFieldsMapping
    from metalith.fields import FieldDep as FieldDep
    from metalith.fields import FieldsMapping as FieldsMapping
    from metalith.fields import FieldsMappingType as FieldsMappingType
    from metalith.fields import FieldSpec as FieldSpec
    from metalith.fields import NoneFieldsMapping as NoneFieldsMapping
    from metalith.fields import SpecialFieldDep as SpecialFieldDep
    from metalith.fields import SpecificFieldsMapping as SpecificFieldsMapping
    from metalith.frames import collect_to_arrow as collect_to_arrow
    from metalith.frames import collect_to_polars as collect_to_polars
    from metalith.graph import FeatureGraph as FeatureGraph
    from metalith.graph import current_graph as current_graph
    from metalith.increment import Increment as Increment
    from metalith.increment import LazyIncrement as LazyIncrement
    from metalith.increment import PolarsIncrement as PolarsIncrement
    from metalith.increment import PolarsLazyIncrement as PolarsLazyIncrement
    from metalith.keys import FeatureKey as FeatureKey
    from metalith.keys import FieldKey as FieldKey
    from metalith.keys import coerce_to_feature_key as coerce_to_feature_key
    from metalith.keys import get_feature_by_key as get_feature_by_key
    from metalith.lineage import LineageRelationship as LineageRelationship
    from metalith.lockfile import LockFile as LockFile
    from metalith.lockfile import LockFileResult as LockFileResult
    from metalith.lockfile import generate_lock_file as generate_lock_file
    from metalith.lockfile import load_lock_file as load_lock_file
    from metalith.project import Project as Project
    from metalith.project import ProjectStore as ProjectStore
    from metalith.recorded import sync_external_features as sync_external_features
    from metalith.retention import Retention as Retention
    from metalith.selection import FeatureSelection as FeatureSelection
    from metalith.spec import FeatureDep as FeatureDep
    from metalith.spec import FeatureSpec as FeatureSpec
    from metalith.spec import OnDelete as OnDelete
    from metalith.spec import SampleObjects as SampleObjects
    from metalith.stores import AccessMode as AccessMode
    from metalith.stores import ConfiguredMetadataStore as ConfiguredMetadataStore
    from metalith.stores import DatabaseMetadataStore as DatabaseMetadataStore
    from metalith.stores import Deletion as Deletion
    from metalith.stores import DeletionPlan as DeletionPlan
    from metalith.stores import DeltaMetadataStore as DeltaMetadataStore
    from metalith.stores import DuckDBMetadataStore as DuckDBMetadataStore
    from metalith.stores import InMemoryMetadataStore as InMemoryMetadataStore
    from metalith.stores import MetadataStore as MetadataStore
    from metalith.stores import PostgreSQLMetadataStore as PostgreSQLMetadataStore
    from metalith.stores import SQLiteMetadataStore as SQLiteMetadataStore

_MODULES: dict[str, tuple[str, ...]] = {
    "config": ("MetalithConfig", "StoreConfig"),
    "definition": ("FeatureDefinition",),
    "entrypoints": (
        "init",
        "load_features",
        "load_module_entrypoint",
        "load_package_entrypoints",
    ),
    "feature": ("BaseFeature", "Feature"),
    "fields": (
        "AllFieldsMapping",
        "DefaultFieldsMapping",
        "FieldDep",
        "FieldsMapping",
        "FieldsMappingType",
        "FieldSpec",
        "NoneFieldsMapping",
        "SpecialFieldDep",
        "SpecificFieldsMapping",
    ),
    "frames": ("collect_to_arrow", "collect_to_polars"),
    "graph": ("FeatureGraph", "current_graph"),
    "increment": ("Increment", "LazyIncrement", "PolarsIncrement", "PolarsLazyIncrement"),
    "keys": ("FeatureKey", "FieldKey", "coerce_to_feature_key", "get_feature_by_key"),
    "lineage": ("LineageRelationship",),
    "lockfile": ("LockFile", "LockFileResult", "generate_lock_file", "load_lock_file"),
    "project": ("Project", "ProjectStore"),
    "recorded": ("sync_external_features",),
    "retention": ("Retention",),
    "selection": ("FeatureSelection",),
    "spec": ("FeatureDep", "FeatureSpec", "OnDelete", "SampleObjects"),
    "stores": (
        "AccessMode",
        "ConfiguredMetadataStore",
        "DatabaseMetadataStore",
        "Deletion",
        "DeletionPlan",
        "DeltaMetadataStore",
        "DuckDBMetadataStore",
        "InMemoryMetadataStore",
        "MetadataStore",
        "PostgreSQLMetadataStore",
        "SQLiteMetadataStore",
    ),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", "errors", *_HOMES]  # noqa: PLE0604 # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("metalith._metalith").__version__
    if name == "errors":
        return import_module("metalith.errors")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `metalith` has no attribute `{name}`")
    found = getattr(import_module(f"metalith.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
