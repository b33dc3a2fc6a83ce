"""Stores in memory."""

from collections.abc import Sequence
from typing import Any

from metalith import _metalith
from metalith.stores.base import MetadataStore


class InMemoryMetadataStore(MetadataStore):
    """A store in memory, gone with the object: for tests and for looking around.

    Its rows stay when it is closed. A copy in another process starts empty. Nobody else has it, so
    `with store:` may write too.
    """

    _plain_mode = "write"

    def __init__(
        self,
        *,
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
        self._tables = _metalith.Place.memory()

    def _place(self) -> _metalith.Place:
        return self._tables

    def display(self) -> str:
        return f"{type(self).__name__}()"

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_tables"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._tables = _metalith.Place.memory()
