"""Features as assets."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar, cast, overload

import dagster as dg

from metalith.errors import InvalidError
from metalith.ext.dagster.constants import (
    COLUMN_LINEAGE_METADATA_KEY,
    COLUMN_SCHEMA_METADATA_KEY,
    FEATURE_METADATA_KEY,
    FEATURE_TAG_KEY,
    FEATURE_VERSION_TAG_KEY,
    INFO_METADATA_KEY,
    KIND,
    PROJECT_TAG_KEY,
)
from metalith.ext.dagster.partitions import plain
from metalith.ext.dagster.results import build_feature_info_metadata, tag_value
from metalith.ext.dagster.tables import (
    asset_key_of,
    attributes_of,
    build_column_lineage,
    build_column_schema,
    definition_of,
)
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key

AssetT = TypeVar("AssetT", dg.AssetsDefinition, dg.AssetSpec)


class metalithify:  # noqa: N801 - a decorator
    """Turns assets with `metadata={"metaxy/feature": …}` into those of their features.

    They get the feature's key, its upstreams as deps, code version, kind, tags, description,
    columns and where these come from. What a feature says in its metadata under
    `dagster/attributes` (`group_name`, `owners`, …) is applied last. Other assets stay as they are.

    >>> import metalith as ml
    >>> with ml.FeatureGraph().use():
    ...     class Clip(ml.BaseFeature, spec=ml.FeatureSpec(key="video/clip", id_columns=["id"])):
    ...         id: str
    ...     spec = metalithify(dg.AssetSpec("clips", metadata={"metaxy/feature": "video/clip"}))
    >>> spec.key, sorted(spec.kinds)
    (AssetKey(['video', 'clip']), ['metaxy'])
    """

    @overload
    def __new__(cls, _asset: AssetT) -> AssetT: ...
    @overload
    def __new__(
        cls,
        _asset: None = None,
        *,
        key: Any = None,
        key_prefix: Any = None,
        feature: "CoercibleToFeatureKey | None" = None,
        inject_metaxy_kind: bool = True,
        inject_code_version: bool = True,
        set_description: bool = True,
        inject_column_schema: bool = True,
        inject_column_lineage: bool = True,
    ) -> "metalithify": ...
    def __new__(cls, _asset: Any = None, **options: Any) -> Any:
        made = super().__new__(cls)
        made._configure(**options)
        return made if _asset is None else made(_asset)

    def _configure(
        self,
        *,
        key: Any = None,
        key_prefix: Any = None,
        feature: "CoercibleToFeatureKey | None" = None,
        inject_metaxy_kind: bool = True,
        inject_code_version: bool = True,
        set_description: bool = True,
        inject_column_schema: bool = True,
        inject_column_lineage: bool = True,
    ) -> None:
        if key is not None and key_prefix is not None:
            raise InvalidError("`key` and `key_prefix` exclude each other", hint="pass one of them")
        self.key = None if key is None else dg.AssetKey.from_coercible(key)
        self.key_prefix = None if key_prefix is None else dg.AssetKey.from_coercible(key_prefix)
        self.feature = None if feature is None else coerce_to_feature_key(feature)
        self.inject_metaxy_kind = inject_metaxy_kind
        self.inject_code_version = inject_code_version
        self.set_description = set_description
        self.inject_column_schema = inject_column_schema
        self.inject_column_lineage = inject_column_lineage

    def __call__(self, asset: AssetT) -> AssetT:
        if isinstance(asset, dg.AssetSpec):
            return self._spec(asset)
        specs = [self._spec(spec) for spec in asset.specs]
        if self.key is not None and len(specs) > 1:
            raise InvalidError(
                "`key` cannot be the key of several assets", hint="pass `key_prefix` instead"
            )
        replaced = {
            old.key: new.key for old, new in zip(asset.specs, specs, strict=True) if old != new
        }
        by_key = {spec.key: spec for spec in specs}
        renamed = {old: new for old, new in replaced.items() if old != new}
        found: dg.AssetsDefinition = cast("Any", asset).with_attributes(
            asset_key_replacements=renamed
        )
        return found.map_asset_specs(lambda spec: by_key[spec.key])

    def _spec(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        feature = self.feature or feature_of(spec)
        if feature is None:
            return spec
        definition = definition_of(feature)
        attributes = attributes_of(definition.spec)
        attributes.pop("asset_key", None)
        deps = {dep.asset_key: dep for dep in spec.deps}
        for dep in definition.spec.deps:
            key = self._prefixed(asset_key_of(definition_of(dep.feature).spec))
            deps.setdefault(key, dg.AssetDep(key))
        changed: dict[str, Any] = {
            "key": self.key or self._prefixed(asset_key_of(definition.spec)),
            "deps": list(deps.values()),
            "code_version": self._code_version(spec, definition.spec.code_version),
            "description": self._description(spec, feature),
            "kinds": self._kinds(spec),
            "tags": {**_own_tags(spec), **feature_tags(feature)},
            "metadata": {**spec.metadata, **self._metadata(feature)},
            **attributes,
        }
        return cast("Any", spec).replace_attributes(**changed)

    def _prefixed(self, key: dg.AssetKey) -> dg.AssetKey:
        return key if self.key_prefix is None else key.with_prefix(list(self.key_prefix.path))

    def _code_version(self, spec: dg.AssetSpec, version: str) -> str | None:
        if not self.inject_code_version:
            return spec.code_version
        own = f"{KIND}:{version}"
        return own if spec.code_version is None else f"{spec.code_version},{own}"

    def _description(self, spec: dg.AssetSpec, feature: FeatureKey) -> str | None:
        if spec.description is not None or not self.set_description:
            return spec.description
        return description_of(feature)

    def _kinds(self, spec: dg.AssetSpec) -> set[str]:
        kinds = set(spec.kinds)
        if not self.inject_metaxy_kind:
            return kinds
        try:
            # Dagster allows so many, which differs between its versions.
            return set(dg.AssetSpec(spec.key, kinds={*kinds, KIND}).kinds)
        except dg.DagsterInvalidDefinitionError:
            return kinds

    def _metadata(self, feature: FeatureKey) -> dict[str, Any]:
        definition = definition_of(feature)
        found: dict[str, Any] = {
            FEATURE_METADATA_KEY: feature.to_string(),
            INFO_METADATA_KEY: build_feature_info_metadata(feature),
        }
        if definition.feature_class() is None:
            return found
        if self.inject_column_schema:
            found[COLUMN_SCHEMA_METADATA_KEY] = build_column_schema(definition)
        lineage = build_column_lineage(definition) if self.inject_column_lineage else None
        if lineage is not None:
            found[COLUMN_LINEAGE_METADATA_KEY] = lineage
        return found


metaxify = metalithify


def feature_of(spec: dg.AssetSpec) -> FeatureKey | None:
    """The feature of an asset; `None` for assets of other things."""
    return feature_in(spec.metadata)


def feature_in(metadata: Mapping[str, Any]) -> FeatureKey | None:
    """The feature that metadata of an asset names."""
    given = plain(metadata.get(FEATURE_METADATA_KEY))
    return None if given is None else coerce_to_feature_key(cast("CoercibleToFeatureKey", given))


def description_of(feature: CoercibleToFeatureKey) -> str | None:
    """What a feature says about itself: in its spec, else in its class's docstring."""
    definition = definition_of(feature)
    if definition.spec.description is not None:
        return definition.spec.description
    found = definition.feature_class()
    # A docstring that is inherited is about something else.
    own = None if found is None else found.__dict__.get("__doc__")
    return None if own is None else inspect.cleandoc(own)


def feature_tags(feature: CoercibleToFeatureKey) -> dict[str, str]:
    """Tags to select a feature's assets by."""
    definition = definition_of(feature)
    return {
        PROJECT_TAG_KEY: definition.project,
        FEATURE_TAG_KEY: definition.table_name,
        FEATURE_VERSION_TAG_KEY: tag_value(
            FeatureGraph.get_active().get_feature_version(definition.key)
        ),
    }


def _own_tags(spec: dg.AssetSpec) -> dict[str, str]:
    return {key: it for key, it in spec.tags.items() if not key.startswith("dagster/kind/")}


def select_metaxy_assets(
    *, project: str | None = None, feature: "CoercibleToFeatureKey | None" = None
) -> dg.AssetSelection:
    """The assets of features: of all, of a project's, or of one.

    >>> select_metaxy_assets(project="media").to_selection_str()
    'kind:"metaxy" and tag:"metaxy/project"="media"'
    """
    selection = dg.AssetSelection.kind(KIND)
    if project is not None:
        selection &= dg.AssetSelection.tag(PROJECT_TAG_KEY, project)
    if feature is not None:
        key = coerce_to_feature_key(feature)
        selection &= dg.AssetSelection.tag(FEATURE_TAG_KEY, key.table_name)
    return selection
