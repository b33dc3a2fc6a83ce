"""Stores that read what they do not have from others."""

from collections.abc import Iterator, Sequence
from typing import cast, overload

from metalith.errors import (
    InvalidError,
)
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key
from metalith.stores import MetadataStore
from metalith.stores.session import Session

from metaxy._hashing import HashAlgorithm, get_hash_truncation_length
from metaxy.config import MetaxyConfig
from metaxy.metadata_store.exceptions import HashAlgorithmNotSupportedError


class FallbackStoreList(Sequence[MetadataStore]):
    """Stores, or names of a configuration's, each of which is looked for when it is asked for."""

    def __init__(
        self,
        stores: Sequence[MetadataStore | str] | None = None,
        *,
        config: MetaxyConfig | None = None,
        parent_hash_algorithm: HashAlgorithm | str | None = None,
    ) -> None:
        self._stores = list(stores or ())
        self._config = config
        self._algorithm = parent_hash_algorithm

    def _found(self, index: int) -> MetadataStore:
        given = self._stores[index]
        if not isinstance(given, str):
            return given
        if self._config is None:
            raise InvalidError(f"store `{given}` cannot be found: no MetaxyConfig provided")
        store = self._config.get_store(given)
        theirs = store.hash_algorithm
        if None not in (self._algorithm, theirs) and theirs != self._algorithm:
            raise InvalidError(
                f"Fallback store '{given}' uses hash_algorithm='{theirs!s}' "
                f"but this store uses '{self._algorithm!s}'",
                hint="give both the same `hash_algorithm`",
            )
        self._stores[index] = store
        return store

    @overload
    def __getitem__(self, index: int) -> MetadataStore: ...
    @overload
    def __getitem__(self, index: slice) -> list[MetadataStore]: ...
    def __getitem__(self, index: int | slice) -> MetadataStore | list[MetadataStore]:
        if isinstance(index, slice):
            return [self._found(it) for it in range(*index.indices(len(self)))]
        return self._found(index)

    def __len__(self) -> int:
        return len(self._stores)

    def __iter__(self) -> Iterator[MetadataStore]:
        return (self._found(it) for it in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(cast("Sequence[object]", other))

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    @property
    def all_resolved(self) -> bool:
        """Whether every store was found already."""
        return not any(isinstance(it, str) for it in self._stores)


class WithFallbacks(MetadataStore):
    """A store with others behind it, which may be named as the configuration calls them.

    They are only read. A first write may hide what is behind, other than in Metalith's own stores:
    that is how Metaxy's users make a feature their own.
    """

    _behind: FallbackStoreList = FallbackStoreList()
    _versioning_engine: str = "auto"

    def _fall_back_to(self, stores: Sequence[MetadataStore | str] | None) -> None:
        algorithm = self.hash_algorithm
        config = MetaxyConfig.get()
        self._behind = FallbackStoreList(stores, config=config, parent_hash_algorithm=algorithm)

    @property
    def fallback_stores(self) -> Sequence[Session]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The stores behind this one."""
        return self._behind

    @property
    def hash_algorithm(self) -> HashAlgorithm | None:
        """How samples are hashed."""
        given = super().hash_algorithm
        return None if given is None else HashAlgorithm(given)

    @hash_algorithm.setter
    def hash_algorithm(self, algorithm: HashAlgorithm | str) -> None:
        self._algorithm = str(HashAlgorithm(algorithm))

    def validate_hash_algorithm(self, check_fallback_stores: bool = True) -> None:
        """Refuses an algorithm that there is not, or that a store behind this one has not."""
        if self.hash_algorithm == HashAlgorithm.FARMHASH:
            raise HashAlgorithmNotSupportedError(f"{self.display()} does not hash with `farmhash`")
        for store in self.fallback_stores if check_fallback_stores else ():
            theirs = cast("MetadataStore", store).hash_algorithm
            if theirs not in (None, self.hash_algorithm):
                raise InvalidError(
                    f"{store.display()} uses hash_algorithm='{theirs!s}' "
                    f"but this store uses '{self.hash_algorithm!s}'"
                )

    @property
    def _is_open(self) -> bool:
        return self.is_open

    @property
    def _mode_stack(self) -> list[str]:
        return [mode[0] for mode, _ in self._opened]

    @property
    def _access_mode(self) -> str | None:
        return self._mode_stack[-1] if self._opened else None

    def _resolve_feature_key(self, feature: CoercibleToFeatureKey) -> FeatureKey:
        return coerce_to_feature_key(feature)

    @property
    def hash_truncation_length(self) -> int | None:
        """To how many characters versions are cut."""
        return get_hash_truncation_length()

    @property
    def qualified_class_name(self) -> str:
        """The import path of its class."""
        return f"{type(self).__module__}.{type(self).__qualname__}"
