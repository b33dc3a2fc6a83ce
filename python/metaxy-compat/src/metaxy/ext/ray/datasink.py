"""Features as datasets of Ray."""

from metalith.errors import InvalidError
from metalith.ext.ray import MetalithDatasink, MetalithWriteResult
from metalith.keys import CoercibleToFeatureKey
from metalith.stores import MetadataStore

from metaxy.config import MetaxyConfig
from metaxy.ext.ray.datasource import ready

MetaxyWriteResult = MetalithWriteResult

__all__ = ["MetaxyDatasink", "MetaxyWriteResult"]


class MetaxyDatasink(MetalithDatasink):
    """Writes a dataset as samples of a feature. What cannot be written fails its task."""

    def __init__(
        self,
        feature: CoercibleToFeatureKey,
        store: MetadataStore,
        config: MetaxyConfig | None = None,
    ) -> None:
        self.config = ready(config)
        super().__init__(feature, store, self.config)
        self.store = store
        self._feature_key = self._place.feature

    @property
    def result(self) -> MetaxyWriteResult:
        """What was written, once that is over."""
        try:
            return super().result
        except InvalidError as error:
            raise RuntimeError("Write operation has not completed yet") from error
