"""Stores of any type that the engine knows, by their settings."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from metalith import _metalith
from metalith._drivers import installed_driver
from metalith._settings import to_toml
from metalith.stores.base import MetadataStore


class ConfiguredMetadataStore(MetadataStore):
    """A store as `metalith.toml` describes one: `settings` are what stands under its name.

    Relative paths in them are relative to `folder`, by default the current one. Where they name no
    `driver` for a database, one that is installed for Python is used.

    >>> store = ConfiguredMetadataStore({"type": "memory"})
    >>> store.display()
    'memory'
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        folder: str | PathLike[str] = ".",
        space: str | None = None,
        name: str | None = None,
        hash_algorithm: str | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
        fallback_stores: Sequence[MetadataStore] = (),
    ) -> None:
        super().__init__(
            name=name,
            hash_algorithm=hash_algorithm,
            materialization_id=materialization_id,
            actor=actor,
            fallback_stores=fallback_stores,
        )
        self._folder, self._space = str(folder), space
        self._settings = {key: it for key, it in settings.items() if it is not None}
        self._found: _metalith.Place | None = None

    def _text(self, settings: Mapping[str, Any]) -> str:
        tree = {"project": "store", "space": self._space, "store": "it", "stores": {"it": settings}}
        return to_toml(tree)

    def _leave(self) -> None:
        super()._leave()
        self._let_go()

    def close(self) -> None:
        super().close()
        self._let_go()

    def _let_go(self) -> None:
        # Whoever is at work with it on another thread lets go when that is done.
        if not self._lock.acquire(blocking=False):
            return
        try:
            # Who has a file open keeps others out. What is in memory is gone without its place.
            if not self._opened and self._settings.get("type") != "memory":
                self._found = None
        finally:
            self._lock.release()

    def _place(self) -> _metalith.Place:
        # One place for all that is opened: what is in memory is gone with it.
        if self._found is None:
            self._found = _metalith.Place.configured(self._folder, self._text(self.settings))
        return self._found

    @property
    def settings(self) -> dict[str, Any]:
        """What `metalith.toml` would say of it, with the driver that is used."""
        if "driver" in self._settings:
            return dict(self._settings)
        # Looked for here and not before: a copy in another process may find another.
        driver = installed_driver(str(self._settings.get("type")))
        return {**self._settings, **({} if driver is None else {"driver": driver})}

    def _identity(self) -> object:
        return (self._folder, self._text(self._settings))

    def display(self) -> str:
        return self._place().location()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_found": None}
