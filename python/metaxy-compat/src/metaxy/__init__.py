"""Metalith under the names of Metaxy."""

from metalith import __version__
from metalith.config import use_defaults_of
from metalith.definition import (
    ExternalFeatureVersionMismatchError,
    ExternalFeatureVersionMismatchWarning,
    FeatureDefinition,
)
from metalith.feature import BaseFeature, FeatureConfig
from metalith.fields import (
    AllFieldsMapping,
    DefaultFieldsMapping,
    FieldDep,
    FieldsMapping,
    FieldsMappingType,
    FieldSpec,
    NoneFieldsMapping,
    SpecialFieldDep,
    SpecificFieldsMapping,
)
from metalith.graph import FeatureGraph, current_graph
from metalith.increment import Increment, LazyIncrement, PolarsIncrement, PolarsLazyIncrement
from metalith.keys import (
    CoercibleToFeatureKey,
    CoercibleToFieldKey,
    FeatureKey,
    FieldKey,
    ValidatedFeatureKey,
    ValidatedFeatureKeyAdapter,
    ValidatedFeatureKeySequence,
    ValidatedFeatureKeySequenceAdapter,
    ValidatedFieldKey,
    ValidatedFieldKeyAdapter,
    ValidatedFieldKeySequence,
    ValidatedFieldKeySequenceAdapter,
    coerce_to_feature_key,
    get_feature_by_key,
)
from metalith.lineage import LineageRelationship
from metalith.spec import FeatureDep, FeatureSpec, FeatureSpecWithIDColumns, IDColumns
from metalith.stores import InMemoryMetadataStore, MetadataStore

from metaxy._decorators import experimental, public
from metaxy._hashing import HashAlgorithm
from metaxy._warnings import UnresolvedExternalFeatureWarning
from metaxy.config import MetaxyConfig, StoreConfig
from metaxy.entrypoints import (
    init,
    load_features,
    load_module_entrypoint,
    load_package_entrypoints,
)
from metaxy.metadata_store.system import SystemTableStorage
from metaxy.metadata_store.types import AccessMode
from metaxy.models.feature_selection import FeatureSelection
from metaxy.utils.batched_writer import BufferedMetadataWriter
from metaxy.utils.exceptions import MetaxyMissingFeatureDependency
from metaxy.utils.external_features import sync_external_features

use_defaults_of(MetaxyConfig)

Feature = BaseFeature
FeatureDepMetadata = dict[str, object]
graph = FeatureGraph.get_active()

__all__ = [
    "AccessMode",
    "AllFieldsMapping",
    "BaseFeature",
    "BufferedMetadataWriter",
    "CoercibleToFeatureKey",
    "CoercibleToFieldKey",
    "DefaultFieldsMapping",
    "ExternalFeatureVersionMismatchError",
    "ExternalFeatureVersionMismatchWarning",
    "Feature",
    "FeatureConfig",
    "FeatureDefinition",
    "FeatureDep",
    "FeatureDepMetadata",
    "FeatureGraph",
    "FeatureKey",
    "FeatureSelection",
    "FeatureSpec",
    "FeatureSpecWithIDColumns",
    "FieldDep",
    "FieldKey",
    "FieldSpec",
    "FieldsMapping",
    "FieldsMappingType",
    "HashAlgorithm",
    "IDColumns",
    "InMemoryMetadataStore",
    "Increment",
    "LazyIncrement",
    "LineageRelationship",
    "MetadataStore",
    "MetaxyConfig",
    "MetaxyMissingFeatureDependency",
    "NoneFieldsMapping",
    "PolarsIncrement",
    "PolarsLazyIncrement",
    "SpecialFieldDep",
    "SpecificFieldsMapping",
    "StoreConfig",
    "SystemTableStorage",
    "UnresolvedExternalFeatureWarning",
    "ValidatedFeatureKey",
    "ValidatedFeatureKeyAdapter",
    "ValidatedFeatureKeySequence",
    "ValidatedFeatureKeySequenceAdapter",
    "ValidatedFieldKey",
    "ValidatedFieldKeyAdapter",
    "ValidatedFieldKeySequence",
    "ValidatedFieldKeySequenceAdapter",
    "__version__",
    "coerce_to_feature_key",
    "current_graph",
    "experimental",
    "get_feature_by_key",
    "graph",
    "init",
    "load_features",
    "load_module_entrypoint",
    "load_package_entrypoints",
    "public",
    "sync_external_features",
]
