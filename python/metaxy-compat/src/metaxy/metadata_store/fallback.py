"""Stores that read what they do not have from others."""

from collections.abc import Sequence
from typing import Any, cast

from metalith.errors import InvalidError
from metalith.graph import FeatureGraph
from metalith.keys import FeatureKey, coerce_to_feature_key
from metalith.stores import InMemoryMetadataStore, MetadataStore

from metaxy.config import MetaxyConfig


class WithFallbacks(MetadataStore):
    """A store with others behind it: a feature is read from the first one that has its table.

    They are only read. What is written, and what a resolution compares with, is the store's own.
    """

    _fallback_stores: Sequence[MetadataStore | str] = ()

    @property
    def fallback_stores(self) -> list[MetadataStore]:
        """The stores behind this one; those that were given by name are of the configuration."""
        config = MetaxyConfig.get()
        return [config.get_store(it) if isinstance(it, str) else it for it in self._fallback_stores]

    def find_store_for_feature(
        self, feature_key: Any, *, check_fallback: bool = True
    ) -> MetadataStore | None:
        """The store that a feature is read from, or `None`."""
        key = coerce_to_feature_key(feature_key)
        if key in self.list_features():
            return self
        for store in self.fallback_stores if check_fallback else []:
            with store:
                found = store.find_store_for_feature(key)
                if found is not None:
                    self._refuse_other_hashes(found)
                    return found
        return None

    def _refuse_other_hashes(self, other: MetadataStore) -> None:
        if other.hash_algorithm != self.hash_algorithm:
            raise InvalidError(
                f"{self.display()} hashes with `{self.hash_algorithm}`, and the store behind it "
                f"with `{other.hash_algorithm}`",
                hint="give both the same `hash_algorithm`",
            )

    def has_feature(self, feature: Any, *, check_fallback: bool = False) -> bool:
        """Whether a feature has a table here, or with `check_fallback` behind."""
        return self.find_store_for_feature(feature, check_fallback=check_fallback) is not None

    def read(  # pyright: ignore[reportIncompatibleMethodOverride] - the overloads are the same
        self,
        feature: Any,
        *,
        allow_fallback: bool = True,
        with_store_info: bool = False,
        **options: Any,
    ) -> Any:
        """Reads samples, from the first store that has the feature."""
        found = self.find_store_for_feature(feature, check_fallback=allow_fallback) or self
        if found is self:
            rows: Any = cast("Any", super()).read(feature, **options)
        else:
            with found:
                rows = cast("Any", found).read(feature, **options)
        return (rows, found) if with_store_info else rows

    def resolve_update(  # pyright: ignore[reportIncompatibleMethodOverride] - as above
        self, feature: Any, **options: Any
    ) -> Any:
        """Finds what to compute, with upstreams of the stores behind where there are no own."""
        key = coerce_to_feature_key(feature)
        deps = FeatureGraph.get_active().get_feature_definition(key).spec.deps
        upstream = [dep.feature for dep in deps]
        stores = [self.find_store_for_feature(it) for it in upstream]
        if options.get("samples") is not None or all(it in (self, None) for it in stores):
            return cast("Any", super()).resolve_update(feature, **options)
        return self._resolve_beside(key, upstream, options)

    def _resolve_beside(
        self, key: FeatureKey, upstream: Sequence[FeatureKey], options: dict[str, Any]
    ) -> Any:
        """Brings everything together in memory, and resolves there."""
        beside = InMemoryMetadataStore(hash_algorithm=self.hash_algorithm)
        with beside.open("write"):
            for name in upstream:
                if self.has_feature(name, check_fallback=True):
                    beside.write(name, self.read(name).collect())
            if self.has_feature(key):
                beside.write(key, super().read(key).collect())
            return cast("Any", beside).resolve_update(key, **options)
