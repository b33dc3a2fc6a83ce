"""Samples as what assets return and take."""

from typing import Any, TypeAlias, cast

import dagster as dg
import narwhals as nw

from metalith.errors import FeatureNotFoundError, InvalidError
from metalith.ext.dagster.assets import feature_in
from metalith.ext.dagster.constants import FEATURE_METADATA_KEY
from metalith.ext.dagster.partitions import input_filter, own_part, partition_column
from metalith.ext.dagster.resources import MetalithStoreFromConfigResource
from metalith.ext.dagster.results import build_runtime_feature_metadata, described_source
from metalith.frames import IntoRows
from metalith.keys import FeatureKey
from metalith.stores import MetadataStore

MetalithOutput: TypeAlias = IntoRows | None
"""What an asset returns: samples to write, or `None` when it has written them itself."""


class MetalithIOManager(dg.ConfigurableIOManager):
    """Writes the samples that assets return, and gives assets those of their upstreams.

    Assets say with `metadata={"metaxy/feature": …}` which feature they are. What is loaded is a
    lazy frame of Narwhals, of the partitions that Dagster maps.
    """

    store: dg.ResourceDependency[MetadataStore]

    @property
    def metadata_store(self) -> MetadataStore:
        """The store."""
        given: object = self.store
        if isinstance(given, MetalithStoreFromConfigResource):
            return given.store_for(None)
        assert isinstance(given, MetadataStore)
        return given

    def load_input(self, context: dg.InputContext) -> nw.LazyFrame[Any]:
        """The current samples of an upstream."""
        upstream = context.upstream_output
        metadata = {
            **({} if upstream is None else upstream.definition_metadata),
            **context.definition_metadata,
        }
        key = _key(metadata, context.asset_key if context.has_asset_key else None)
        store = self.metadata_store
        with store:
            rows = store.read(key, filters=input_filter(context, metadata))
            described = described_source(store, key)
        # Dagster has no event for an input of several partitions.
        if not context.has_asset_partitions or len(context.asset_partition_keys) == 1:
            context.add_input_metadata({FEATURE_METADATA_KEY: key.to_string(), **described})
        return rows

    def handle_output(self, context: dg.OutputContext, obj: MetalithOutput) -> None:
        """Writes samples, and reports what the store then has."""
        metadata = context.definition_metadata
        key = _key(metadata, context.asset_key if context.has_asset_key else None)
        store = self.metadata_store
        if obj is not None:
            with store.open("write"):
                written = store.write(key, obj)
            context.log.info(f"wrote {written} samples of `{key}` to {store.display()}")
        try:
            with store:
                reported, _ = build_runtime_feature_metadata(
                    key,
                    store,
                    context,
                    partition_col=partition_column(metadata),
                    metaxy_partition=own_part(metadata),
                )
        except FeatureNotFoundError as error:
            context.log.warning(f"nothing to report about `{key}`: {error}")
            return
        cast("Any", context).add_output_metadata(reported)


def _key(metadata: Any, asset: dg.AssetKey | None) -> FeatureKey:
    found = feature_in(metadata)
    if found is None:
        raise InvalidError(
            f"asset `{'/'.join(asset.path) if asset else '?'}` names no feature",
            hint=f'give it `metadata={{"{FEATURE_METADATA_KEY}": …}}`, or another IO manager',
        )
    return found


MetaxyIOManager = MetalithIOManager
MetaxyOutput = MetalithOutput
