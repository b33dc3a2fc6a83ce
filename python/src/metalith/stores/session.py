"""Opening and closing stores."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from getpass import getuser
from threading import RLock
from types import TracebackType
from typing import Any, Literal, TypeAlias

from typing_extensions import Self

from metalith import _metalith
from metalith.errors import GraphError, InvalidError, StoreNotOpenError
from metalith.graph import FeatureGraph
from metalith.keys import CoercibleToFeatureKey, FeatureKey, coerce_to_feature_key

AccessMode: TypeAlias = Literal["r", "w", "read", "write"]
"""For reading, or for reading and writing."""

_MODES: dict[str, str] = {"r": "read", "read": "read", "w": "write", "write": "write"}


class Session(ABC):
    """A store that can be opened, any number of times within each other.

    The innermost `with` says whether writing is allowed.
    """

    _plain_mode = "read"
    """What `with store:` opens it for."""

    def __init__(
        self,
        *,
        name: str | None = None,
        hash_algorithm: str | None = None,
        materialization_id: str | None = None,
        actor: str | None = None,
        fallback_stores: "Sequence[Session]" = (),
    ) -> None:
        self._name = name
        self._fallback_stores = tuple(fallback_stores)
        self._algorithm = None if hash_algorithm is None else str(hash_algorithm).lower()
        self._materialization_id = materialization_id
        self._actor = actor
        self._opened: list[tuple[str, _metalith.Store]] = []
        self._lock = RLock()

    @abstractmethod
    def _place(self) -> _metalith.Place:
        """Where the tables are."""

    @abstractmethod
    def display(self) -> str:
        """The store as a person would call it, without secrets."""

    @property
    def name(self) -> str | None:
        """What the configuration calls it."""
        return self._name

    @property
    def fallback_stores(self) -> "tuple[Session, ...]":
        """The stores that a feature is read from that is missing here, in order."""
        return self._fallback_stores

    @property
    def materialization_id(self) -> str | None:
        """The run that writes, unless a write names another."""
        return self._materialization_id

    @property
    def actor(self) -> str | None:
        """Who works, for tombstones and the audit log."""
        if self._actor is not None:
            return self._actor
        try:
            return getuser()
        except (OSError, KeyError):
            return None

    @contextmanager
    def open(self, mode: AccessMode = "read") -> Generator[Self]:
        """Opens the store for the time of a `with`.

        Opening for writing makes a store of an empty place, and finishes deletions that were
        interrupted.
        """
        self._enter(mode)
        try:
            yield self
        finally:
            self._leave()

    def __enter__(self) -> Self:
        self._enter(self._plain_mode)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leave()

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return bool(self._opened)

    def close(self) -> None:
        """Closes it, however often it was opened."""
        with self._lock:
            self._opened.clear()

    def _enter(self, mode: str) -> None:
        wanted = _MODES.get(mode)
        if wanted is None:
            raise InvalidError(f"`{mode}` is no mode of a store", hint="choose `read` or `write`")
        with self._lock:
            for opened, engine in reversed(self._opened):
                if opened in ("write", wanted):
                    # What may write may also read; the mode is checked on this side.
                    self._opened.append((wanted, engine))
                    return
            try:
                engine = self._open_chain(wanted)
            except BaseException:
                self._let_go()
                raise
            self._opened.append((wanted, engine))
        if wanted == "write":
            self._finish_interrupted(engine)

    def _open_chain(self, mode: str) -> _metalith.Store:
        """The store with those it falls back to, which are opened for reading."""
        last_first = self._chain()[::-1]
        options: dict[str, dict[str, str]] = {}
        for store in last_first:
            options.update(store._object_options())
        engine: _metalith.Store | None = None
        for store in last_first:
            engine = _metalith.Store.open(
                store._place(),
                mode=mode if store is self else "read",
                hash_algorithm=store._algorithm,
                hash_length=FeatureGraph.get_active().hash_length,
                actor=self.actor,
                object_options=options,
                fallback=engine,
            )
        assert engine is not None  # a chain begins with the store itself
        for store in last_first:
            if store is not self:
                # The engine has it open as long as this one is.
                store._let_go()
        return engine

    def _let_go(self) -> None:
        """Keeps nothing open that is not in use."""
        return

    def _chain(self) -> "list[Session]":
        """The store itself, then those that it names, each followed by those that it names.

        A place comes once, also when another object stands for it.
        """
        chain: dict[object, Session] = {}
        todo: list[Session] = [self]
        while todo:
            store = todo.pop(0)
            if store._identity() not in chain:
                chain[store._identity()] = store
                todo = [*store.fallback_stores, *todo]
        return list(chain.values())

    def _identity(self) -> object:
        """The same for two objects that stand for one place."""
        return id(self)

    def _object_options(self) -> dict[str, dict[str, str]]:
        """Options of the places that objects are in, by address."""
        return {}

    def _finish_interrupted(self, engine: _metalith.Store) -> None:
        try:
            graph = FeatureGraph.get_active().compiled()
        except GraphError:
            # Whatever is done with a feature says so; opening is not about features.
            return
        engine.finish_interrupted(graph)

    def _leave(self) -> None:
        with self._lock:
            if self._opened:
                self._opened.pop()

    @property
    def _engine(self) -> _metalith.Store:
        opened = self._opened
        if not opened:
            raise StoreNotOpenError(
                f"{self.display()} must be opened before use",
                code="store.not-open",
                hint="use `with store:`, or `with store.open('write'):` to write",
            )
        return opened[-1][1]

    @property
    def _writer(self) -> _metalith.Store:
        engine = self._engine
        if self._opened[-1][0] != "write":
            raise StoreNotOpenError(
                f"{self.display()} is open in read mode, and this needs write mode",
                code="store.read-only",
                hint="use `with store.open('write'):`",
            )
        return engine

    @property
    def hash_algorithm(self) -> str | None:
        """How samples are hashed; `None` while a store that says so itself is closed."""
        return self._engine.hash_algorithm if self._opened else self._algorithm

    def _resolve(
        self, feature: CoercibleToFeatureKey
    ) -> tuple[FeatureKey, FeatureGraph, _metalith.Graph]:
        """The feature's key, and the graph that has it: the active one, or its class's own."""
        key = coerce_to_feature_key(feature)
        graph = FeatureGraph.get_active()
        if key not in graph and isinstance(feature, type):
            own = feature.graph
            graph = own if key in own else graph
        return key, graph, graph.compiled_for(key)

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        # A copy in another process opens the place for itself.
        state["_opened"] = []
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = RLock()

    def __repr__(self) -> str:
        return self.display() if self._name is None else f"[{self._name}] {self.display()}"
