"""Looking at features without computing them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import dagster as dg
import narwhals as nw
from pydantic import Field

from metalith.errors import FeatureNotFoundError, InvalidError
from metalith.ext.dagster.assets import description_of, feature_of, feature_tags
from metalith.ext.dagster.constants import (
    EMPTY_DATA_VERSION,
    FEATURE_METADATA_KEY,
    KIND,
    ROW_COUNT_METADATA_KEY,
    STORE_RESOURCE_KEY,
)
from metalith.ext.dagster.partitions import partition_key
from metalith.ext.dagster.resources import store_of
from metalith.ext.dagster.results import (
    build_feature_event_tags,
    build_runtime_feature_metadata,
    described,
    in_order,
)
from metalith.ext.dagster.tables import asset_key_of, definition_of
from metalith.keys import CoercibleToFeatureKey
from metalith.stores import MetadataStore

ObserveFn = Callable[[Any, MetadataStore, nw.LazyFrame[Any]], Mapping[str, Any] | None]
"""What is observed beside: it gets the context, the open store and the samples, and returns
metadata or nothing."""


def observable_metaxy_asset(
    feature: CoercibleToFeatureKey,
    *,
    store_resource_key: str = STORE_RESOURCE_KEY,
    inject_metaxy_kind: bool = True,
    inject_code_version: bool = True,
    set_description: bool = True,
    **observable_kwargs: Any,
) -> Callable[[ObserveFn], dg.SourceAsset]:
    """An asset that others write and this project observes: its samples, their count and version.

    Further options go to `dagster.observable_source_asset`.
    """
    definition = definition_of(feature)
    key = definition.key
    options: dict[str, Any] = {
        "metadata": {
            FEATURE_METADATA_KEY: str(key),
            **(observable_kwargs.pop("metadata", None) or {}),
        },
        "tags": {**_tags(key, kind=inject_metaxy_kind), **(observable_kwargs.pop("tags", {}))},
        "required_resource_keys": {
            store_resource_key,
            *observable_kwargs.pop("required_resource_keys", ()),
        },
    }
    del inject_code_version  # source assets have none
    if set_description:
        options["description"] = description_of(key)
    if not observable_kwargs.keys() & {"key", "name", "key_prefix"}:
        options["key"] = asset_key_of(definition.spec)

    def decorate(observe: ObserveFn) -> dg.SourceAsset:
        def observed(context: dg.OpExecutionContext) -> dg.ObserveResult:
            store = store_of(getattr(context.resources, store_resource_key))
            with store:
                metadata, stats = build_runtime_feature_metadata(key, store, context)
                more = observe(context, store, store.read(key)) or {}
            return dg.ObserveResult(
                metadata={**metadata, **more},
                data_version=stats.data_version,
                tags=build_feature_event_tags(key),
            )

        observed.__name__ = getattr(observe, "__name__", "observed")
        observed.__doc__ = inspect.getdoc(observe)
        made = cast("Any", dg).observable_source_asset(**{**options, **observable_kwargs})
        return cast("dg.SourceAsset", made(observed))

    return decorate


def _tags(key: CoercibleToFeatureKey, *, kind: bool) -> dict[str, str]:
    tags = feature_tags(key)
    return {**tags, f"dagster/kind/{KIND}": ""} if kind else tags


def build_metaxy_observation_job(
    asset: dg.AssetSpec | dg.AssetsDefinition,
    *,
    store_resource_key: str = STORE_RESOURCE_KEY,
    tags: Mapping[str, str] | None = None,
) -> list[dg.JobDefinition]:
    """Jobs that observe the features of an asset, one each, partitioned as the asset is."""
    specs = [asset] if isinstance(asset, dg.AssetSpec) else list(asset.specs)
    found = [spec for spec in specs if feature_of(spec) is not None]
    if not found:
        raise InvalidError(
            f"there are no specs with '{FEATURE_METADATA_KEY}' metadata in the asset"
        )
    partitions = asset.partitions_def
    return [_job(spec, partitions, store_resource_key, tags) for spec in found]


def _job(
    spec: dg.AssetSpec,
    partitions: dg.PartitionsDefinition | None,
    store_resource_key: str,
    tags: Mapping[str, str] | None,
) -> dg.JobDefinition:
    key = feature_of(spec)
    assert key is not None
    name = f"observe_{key.table_name}"
    return _observing(
        name,
        [spec],
        f"Observe the samples of `{key}`.",
        store_resource_key,
        {**(tags or {})},
        partitions_def=partitions,
    )


def build_metaxy_multi_observation_job(
    name: str,
    *,
    asset_selection: dg.AssetSelection | None = None,
    defs: dg.Definitions | None = None,
    assets: Sequence[dg.AssetSpec | dg.AssetsDefinition | dg.SourceAsset] | None = None,
    store_resource_key: str = STORE_RESOURCE_KEY,
    tags: Mapping[str, str] | None = None,
    **kwargs: Any,
) -> dg.JobDefinition:
    """A job that observes several features: of `assets`, or of a selection within `defs`.

    With `asset_keys` in the configuration of its op only those, e.g. `video/raw`.
    """
    if assets is None:
        specs = _selected(asset_selection, defs)
    elif asset_selection is not None or defs is not None:
        raise InvalidError("Cannot provide both `assets` and a selection")
    else:
        specs = _listed(assets)
    found = in_order(specs)
    if not found:
        raise InvalidError(f"No assets have specs with '{FEATURE_METADATA_KEY}' metadata")
    partitions = _common_partitions(found, assets or [])
    listed = "\n".join(f"- {spec.key.to_user_string()}: {feature_of(spec)}" for spec in found)
    return _observing(
        name,
        found,
        f"Observe {len(found)} Metaxy assets:\n\n{listed}",
        store_resource_key,
        {**(tags or {})},
        **{"partitions_def": partitions, **kwargs},
    )


def _selected(
    selection: dg.AssetSelection | None, defs: dg.Definitions | None
) -> list[dg.AssetSpec]:
    if selection is None and defs is None:
        raise InvalidError("Must provide either `assets`, or `asset_selection` and `defs`")
    if defs is None:
        raise InvalidError("'asset_selection' requires 'defs', in which to select")
    if selection is None:
        raise InvalidError("'defs' requires 'asset_selection'", hint="or pass `assets`")
    graph = defs.resolve_asset_graph()
    wanted: set[dg.AssetKey] = cast("Any", selection).resolve(graph)
    return [spec for spec in defs.resolve_all_asset_specs() if spec.key in wanted]


def _listed(
    assets: Sequence[dg.AssetSpec | dg.AssetsDefinition | dg.SourceAsset],
) -> list[dg.AssetSpec]:
    specs: list[dg.AssetSpec] = []
    for asset in assets:
        if isinstance(asset, dg.AssetSpec):
            specs.append(asset)
        elif isinstance(asset, dg.AssetsDefinition):
            specs.extend(asset.specs)
        else:
            specs.append(dg.AssetSpec(asset.key, metadata=asset.metadata))
    return specs


def _common_partitions(
    specs: Sequence[dg.AssetSpec], assets: Sequence[object]
) -> dg.PartitionsDefinition | None:
    own = [spec.partitions_def for spec in specs]
    own += [it.partitions_def for it in assets if isinstance(it, dg.AssetsDefinition)]
    different: list[dg.PartitionsDefinition] = []
    for definition in own:
        if definition is not None and definition not in different:
            different.append(definition)
    if len(different) > 1:
        raise InvalidError(
            "the assets must have the same partitions_def", hint="observe others in another job"
        )
    return different[0] if different else None


class ObservationConfig(dg.Config):
    """What to observe of what a job can."""

    asset_keys: list[str] | None = Field(
        default=None, description="Keys of assets, with `/` between their parts; without it all."
    )


def _chosen(specs: Sequence[dg.AssetSpec], keys: Sequence[str] | None) -> list[dg.AssetSpec]:
    by_key = {spec.key.to_user_string(): spec for spec in specs}
    unknown = [key for key in keys or () if key not in by_key]
    if unknown:
        raise InvalidError(
            f"this job does not observe {', '.join(f'`{key}`' for key in unknown)}",
            hint=f"it observes {', '.join(f'`{key}`' for key in by_key)}",
        )
    return [spec for key, spec in by_key.items() if keys is None or key in keys]


def _observing(
    name: str,
    specs: Sequence[dg.AssetSpec],
    description: str,
    store_resource_key: str,
    tags: Mapping[str, str],
    **options: Any,
) -> dg.JobDefinition:
    @dg.op(
        name=f"{name}_fanout",
        required_resource_keys={store_resource_key},
        description=description,
    )
    def observe(context: dg.OpExecutionContext, config: ObservationConfig) -> None:
        store = store_of(getattr(context.resources, store_resource_key))
        for spec in _chosen(specs, config.asset_keys):
            context.log_event(_observation(context, store, spec))

    def graph() -> None:
        observe()

    job = cast("Any", dg).job(name=name, description=description, tags=dict(tags), **options)
    return cast("dg.JobDefinition", job(graph))


def _observation(
    context: dg.OpExecutionContext, store: MetadataStore, spec: dg.AssetSpec
) -> dg.AssetObservation:
    key = feature_of(spec)
    assert key is not None
    version = EMPTY_DATA_VERSION
    try:
        metadata, stats = described(context, store, key, spec)
        version = stats.data_version.value
    except FeatureNotFoundError as error:
        context.log.warning(f"`{key}` is not in the store: {error}")
        metadata = {ROW_COUNT_METADATA_KEY: 0, "error": "Feature not found"}
    tags = {**build_feature_event_tags(key), "dagster/data_version": version}
    return dg.AssetObservation(
        asset_key=spec.key, metadata=metadata, tags=tags, partition=partition_key(context)
    )
