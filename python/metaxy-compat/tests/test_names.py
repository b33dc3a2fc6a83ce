"""Every name is where Metaxy has it."""

import importlib
import pkgutil
import warnings

import metalith as ml
import pytest
from metalith.errors import UnsupportedError

import metaxy as mx

NAMES = [
    "AccessMode",
    "AllFieldsMapping",
    "BaseFeature",
    "BufferedMetadataWriter",
    "CoercibleToFeatureKey",
    "CoercibleToFieldKey",
    "DefaultFieldsMapping",
    "ExternalFeatureVersionMismatchError",
    "ExternalFeatureVersionMismatchWarning",
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
    "Increment",
    "LazyIncrement",
    "LineageRelationship",
    "MetadataStore",
    "MetaxyConfig",
    "MetaxyMissingFeatureDependency",
    "PolarsIncrement",
    "PolarsLazyIncrement",
    "SpecialFieldDep",
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
    "sync_external_features",
]


def test_the_package_has_them() -> None:
    assert [name for name in NAMES if name not in mx.__all__] == []
    assert [name for name in mx.__all__ if not hasattr(mx, name)] == []


def test_modules_can_be_imported() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [module.name for module in pkgutil.walk_packages(mx.__path__, "metaxy.")]
        for name in found:
            if name != "metaxy.ext.ray":
                importlib.import_module(name)
    assert {"metaxy.models.types", "metaxy.ext.dagster.constants"} <= set(found)


def test_they_are_those_of_metalith() -> None:
    assert mx.BaseFeature is ml.BaseFeature
    assert mx.MetadataStore is ml.MetadataStore
    assert issubclass(mx.MetaxyConfig, ml.MetalithConfig.__base__)


def test_a_spec_may_be_put_in_place_of_another() -> None:
    with mx.FeatureGraph().use() as graph:

        class Video(mx.BaseFeature, spec=mx.FeatureSpec(key="video", id_columns=["id"])):
            id: str

        graph.remove_feature("video")
        assert Video._spec is Video.spec()
        Video._spec = mx.FeatureSpec(key="film", id_columns=["id"])
        graph.add_feature(Video)
        assert [str(key) for key in graph.feature_definitions_by_key] == ["film"]


def test_old_paths_of_stores_say_where_they_are_now() -> None:
    with pytest.warns(DeprecationWarning, match="metaxy.ext.polars.handlers.delta"):
        importlib.reload(importlib.import_module("metaxy.ext.metadata_stores.delta"))


def test_stores_that_are_not_there_say_so() -> None:
    from metaxy.ext.clickhouse import ClickHouseMetadataStore

    with pytest.raises(UnsupportedError, match="`ClickHouseMetadataStore` is not there"):
        ClickHouseMetadataStore("clickhouse://db")


def test_stores_are_where_they_were_before_2026() -> None:
    from metaxy.ext.duckdb import DuckDBMetadataStore
    from metaxy.ext.sqlite import SQLiteMetadataStore

    for name, cls in (("duckdb", DuckDBMetadataStore), ("sqlite", SQLiteMetadataStore)):
        module = importlib.import_module(f"metaxy.metadata_store.{name}")
        assert getattr(module, cls.__name__) is cls
        assert repr(cls(":memory:", name="it")) == f"[it] {cls.__name__}(memory)"


def test_a_name_stays_what_it_is_when_the_module_of_that_name_is_imported() -> None:
    package = importlib.import_module("metaxy.ext.dagster")
    module = importlib.import_module("metaxy.ext.dagster.metaxify")
    assert package.metaxify is module.metaxify
