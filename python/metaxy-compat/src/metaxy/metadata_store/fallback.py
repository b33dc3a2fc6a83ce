"""Stores that read what they do not have from others."""

from typing import Any

from metalith.stores import MetadataStore
from metalith.stores.session import Session

from metaxy.config import MetaxyConfig


class WithFallbacks(MetadataStore):
    """A store with others behind it, which may be named as the configuration calls them.

    They are only read. A first write may hide what is behind, other than in Metalith's own stores:
    that is how Metaxy's users make a feature their own.
    """

    _named_fallbacks: tuple[MetadataStore | str, ...] = ()

    @property
    def fallback_stores(self) -> tuple[Session, ...]:
        """The stores behind this one."""
        config = MetaxyConfig.get()
        named = self._named_fallbacks
        return tuple(config.get_store(it) if isinstance(it, str) else it for it in named)

    def write(
        self,
        feature: Any,
        df: Any,
        materialization_id: str | None = None,
        *,
        over_fallback: bool = True,
    ) -> int:
        """Adds samples in one commit, all or none."""
        return super().write(feature, df, materialization_id, over_fallback=over_fallback)
