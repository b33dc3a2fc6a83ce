"""Features as datasets of Ray."""

from typing import Any

from metalith.ext.ray import MetalithDatasource
from metalith.keys import CoercibleToFeatureKey
from metalith.stores import MetadataStore

from metaxy.config import MetaxyConfig
from metaxy.entrypoints import init

__all__ = ["MetaxyDatasource"]


def ready(config: MetaxyConfig | None) -> MetaxyConfig:
    """A configuration with its features, which tasks get along; by default the active one."""
    return MetaxyConfig.get() if config is None and MetaxyConfig.is_set() else init(config)


class MetaxyDatasource(MetalithDatasource):
    """The samples of a feature; with `incremental`, those to compute, marked new or stale."""

    def __init__(
        self,
        feature: CoercibleToFeatureKey,
        store: MetadataStore,
        config: MetaxyConfig | None = None,
        *,
        incremental: bool = False,
        **options: Any,
    ) -> None:
        self.config = ready(config)
        super().__init__(feature, store, self.config, incremental=incremental, **options)
        self.store = store
        self.incremental = incremental
        self._feature_key = self._place.feature
