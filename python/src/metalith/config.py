"""What a project says about itself: its name, its stores, its features.

>>> MetalithConfig(project="media", stores={"dev": {"path": "store"}}).stores["dev"].type
'delta'
"""

import contextlib
import os
import re
import warnings
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, cast, overload

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from metalith._active import Active
from metalith._settings import (
    ConfigNotFoundError,
    InvalidConfigError,
    Tree,
    environment,
    expand,
    extended,
    find_file,
    merged,
    paths,
    read_toml,
    to_toml,
)
from metalith.selection import FeatureSelection
from metalith.store_config import STORE_TYPES, StoreConfig, Texts, store_class

if TYPE_CHECKING:
    from metalith.stores.base import MetadataStore

StoreT = TypeVar("StoreT", bound="MetadataStore")

SHORTEST_HASH = 8
_READ = {"is": "read from a file"}

_active: "Active[BaseConfig | None]" = Active("config", None)


class BaseConfig(BaseModel):
    """What configurations have in common: where they are read from, and which one is active.

    Values come from what is passed, else from the environment, else from the file. A subclass
    names its file and its variables.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    file_name: ClassVar[str]
    """The file; it may also be a table of that name in `pyproject.toml`."""
    environment_prefix: ClassVar[str]
    location_variables: ClassVar[tuple[str, ...]] = ()
    """Variables that name the file or its folder, the first one set counts."""
    variable_names: ClassVar[Mapping[str, str]] = {}
    """Variables that are called otherwise than their setting, without the prefix."""
    ignored_variables: ClassVar[frozenset[str]] = frozenset()
    default_hash_length: ClassVar[int | None] = None
    stores_need_type: ClassVar[bool] = False
    unset_variable: ClassVar[str | None] = None
    """What a variable in a text stands for that is not set; by default it is a mistake."""

    project: str | None = None
    store: str = "dev"
    stores: dict[str, StoreConfig] = Field(
        default_factory=lambda: cast("dict[str, StoreConfig]", {})
    )
    entrypoints: Texts = Field(default_factory=lambda: cast("list[str]", []))
    hash_truncation_length: Annotated[int, Field(ge=SHORTEST_HASH)] | None = None
    extend: str | None = None
    sync: bool = True
    locked: bool | None = None
    extra_features: list[FeatureSelection] = Field(
        default_factory=lambda: cast("list[FeatureSelection]", [])
    )

    _file: Path | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _over_the_environment(cls, given: Any, info: ValidationInfo) -> Any:
        # What was read has the environment in it already.
        if info.context is _READ or not isinstance(given, Mapping):
            return given
        passed = cls._normalized(dict(cast("Mapping[str, Any]", given)))
        return merged(cls._environment(passed), passed)

    @classmethod
    def _normalized(cls, given: Tree) -> Tree:
        """A hook: what a file says in a form of its own, under the names of the settings."""
        return given

    @classmethod
    def _of_file(cls, given: Tree) -> Tree:
        """A hook: refuses what may be set in code and not in a file."""
        return given

    @field_validator("project")
    @classmethod
    def _is_project(cls, name: str | None) -> str | None:
        if name is not None and (not re.fullmatch(r"[a-zA-Z0-9_-]+", name) or "__" in name):
            raise ValueError(
                f"`{name}` is no name of a project: write letters, digits, `_` and `-`, and no `__`"
            )
        return name

    # Reading

    @classmethod
    def _environment(cls, known: Mapping[str, Any]) -> Tree:
        found = environment(cls.environment_prefix, cls._place)
        stores = cast("dict[str, Any]", found.get("stores") or {})
        declared = cast("Mapping[str, Any]", known.get("stores") or {})
        for name in list(stores):
            if cls.stores_need_type and "type" not in stores[name] and name not in declared:
                fields = ", ".join(paths(stores[name]))
                warnings.warn(
                    f"Ignoring incomplete store config '{name}': missing required 'type' field "
                    f"(has fields: {fields}); it is from environment variables",
                    stacklevel=2,
                )
                del stores[name]
        return found

    @classmethod
    def _place(cls, variable: str) -> list[str] | None:
        if variable in cls.ignored_variables or variable.startswith("ENTRYPOINT"):
            return None
        path = cls.variable_names.get(variable, variable).lower().split("__")
        return path if path[0] in cls.model_fields else None

    @classmethod
    def load(
        cls,
        config_file: str | os.PathLike[str] | None = None,
        *,
        search_parents: bool = True,
        auto_discovery_start: Path | None = None,
    ) -> Self:
        """Reads the configuration and makes it the active one.

        Without a file it is looked for from the working folder up; without one at all everything
        is as by default.
        """
        file = cls._find(config_file, auto_discovery_start or Path.cwd(), parents=search_parents)
        if file is None:
            config = cls()
        else:
            read = cls._read(file)
            try:
                tree = cls._normalized(cls._of_file(read))
                config = cls.model_validate(merged(tree, cls._environment(tree)), context=_READ)
            except ValueError as problem:
                raise InvalidConfigError(f"in `{file}`: {problem}") from problem
            config._file = file
        cls.set(config)
        return config

    @classmethod
    def _find(
        cls, given: str | os.PathLike[str] | None, start: Path, *, parents: bool
    ) -> Path | None:
        named = (os.environ.get(it) for it in cls.location_variables)
        place = given or next((it for it in named if it), None)
        if place is None:
            return find_file(start, [cls.file_name], cls._table(), parents=parents)
        file = Path(place).expanduser().absolute()
        file = file / cls.file_name if file.is_dir() else file
        if not file.is_file():
            raise ConfigNotFoundError(
                f"there is no configuration at `{file}`", hint=f"write a `{cls.file_name}`"
            )
        return file

    @classmethod
    def _table(cls) -> str:
        return Path(cls.file_name).stem

    @classmethod
    def _read(cls, file: Path, seen: tuple[Path, ...] = ()) -> Tree:
        tree = read_toml(file)
        if file.name == "pyproject.toml":
            tree = cast("Tree", tree.get("tool", {}).get(cls._table(), {}))
        tree = cast("Tree", expand(tree, file, cls.unset_variable))
        parent = tree.get("extend")
        if not isinstance(parent, str):
            return tree
        above = (file.parent / Path(parent).expanduser()).absolute()
        if above in (*seen, file):
            raise InvalidConfigError(f"`{file}` extends itself, by way of `{above}`")
        return extended(cls._read(above, (*seen, file)), tree)

    # Which one is active

    @classmethod
    def get(cls, *, load: bool = False) -> Self:
        """The active configuration. Without one it is read if `load`, else as by default."""
        active = _active.get()
        if isinstance(active, cls):
            return active
        # Whoever asks for any kind gets the one that holds without a configuration.
        kind = cls if cls is not BaseConfig else cast("type[Self]", _Default.kind)
        return kind.load() if load else kind()

    @classmethod
    def set(cls, config: "BaseConfig | None") -> None:
        """Makes a configuration the active one: within `use()` until its end, else everywhere."""
        _active.set(config)

    @classmethod
    def is_set(cls) -> bool:
        """Whether a configuration is active."""
        return isinstance(_active.get(), cls)

    @classmethod
    def reset(cls) -> None:
        """Forgets the active configuration."""
        cls.set(None)

    @contextlib.contextmanager
    def use(self) -> Generator[Self]:
        """Makes this configuration the active one in a block, for this thread or task alone."""
        with _active.use(self):
            yield self

    # What it says

    @property
    def config_file(self) -> Path | None:
        """The file it was read from."""
        return self._file

    @property
    def folder(self) -> Path:
        """The folder that relative paths are relative to."""
        return Path.cwd() if self._file is None else self._file.parent

    @property
    def hash_length(self) -> int | None:
        """To how many characters versions are cut; `None` when they are not."""
        if self.hash_truncation_length is None:
            return self.default_hash_length
        return self.hash_truncation_length

    def to_toml(self) -> str:
        """Everything that is set, as TOML."""
        return to_toml(self.model_dump(mode="json", exclude_none=True, exclude_defaults=True))

    @overload
    def get_store(
        self, name: str | None = None, *, expected_type: None = None, **options: Any
    ) -> "MetadataStore": ...
    @overload
    def get_store(
        self, name: str | None = None, *, expected_type: type[StoreT], **options: Any
    ) -> StoreT: ...
    def get_store(
        self,
        name: str | None = None,
        *,
        expected_type: type[Any] | None = None,
        **options: Any,
    ) -> Any:
        """The store of a name, else the one that is used when none is named. It is not open yet.

        `options` go to its constructor, over what is configured.
        """
        return self._store(name or self.store, expected_type, options)

    def _store(self, name: str, expected_type: type[Any] | None, options: Tree) -> Any:
        given = self._store_settings(name)
        cls = store_class(name, given.type)
        if expected_type is not None and not issubclass(cls, expected_type):
            raise InvalidConfigError(
                f"store `{name}` is a `{cls.__name__}`, not a `{expected_type.__name__}`"
            )
        try:
            return cls.from_config(self._arguments(given), **{"name": name, **options})
        except TypeError as problem:
            raise InvalidConfigError(f"in store `{name}`: {problem}") from problem

    def _store_settings(self, name: str) -> StoreConfig:
        found = self.stores.get(name)
        if found is None:
            known = ", ".join(f"`{it}`" for it in sorted(self.stores)) or "none"
            raise InvalidConfigError(
                f"there is no store `{name}`",
                hint=f"configured are: {known}; add `[stores.{name}]` to `{self.file_name}`",
            )
        return found

    def _arguments(self, store: StoreConfig) -> dict[str, Any]:
        """What the store's class takes."""
        return dict(store.config)


# The command reads the same file, and knows none of these.
_OF_METAXY = frozenset({"extend", "extra_features", "locked", "sync"})


class MetalithConfig(BaseConfig):
    """The settings of `metalith.toml`.

    >>> with MetalithConfig(project="media").use():
    ...     MetalithConfig.get().project
    'media'
    """

    file_name: ClassVar[str] = "metalith.toml"
    environment_prefix: ClassVar[str] = "METALITH_"
    location_variables: ClassVar[tuple[str, ...]] = ("METALITH_CONFIG", "METALITH_PROJECT")
    variable_names: ClassVar[Mapping[str, str]] = {"HASH_LENGTH": "HASH_TRUNCATION_LENGTH"}
    # `METALITH_PROJECT` is where the project is, not how it is called.
    ignored_variables: ClassVar[frozenset[str]] = frozenset({"PROJECT"})

    space: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] | None = None
    hash_algorithm: str | None = None
    features: Texts = Field(default_factory=lambda: ["features.toml"])
    objects: dict[str, dict[str, str]] = Field(
        default_factory=lambda: cast("dict[str, dict[str, str]]", {})
    )
    quota: dict[str, Any] = Field(default_factory=lambda: cast("dict[str, Any]", {}))
    registry: dict[str, Any] = Field(default_factory=lambda: cast("dict[str, Any]", {}))
    actor: str | None = None
    # As for the command, which knows external features by what is declared of them.
    sync: bool = False

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            project: str | None = ...,
            store: str = ...,
            stores: Mapping[str, StoreConfig | Mapping[str, Any]] = ...,
            space: str | None = ...,
            entrypoints: Sequence[str] = ...,
            features: Sequence[str] = ...,
            hash_algorithm: str | None = ...,
            hash_truncation_length: int | None = ...,
            objects: Mapping[str, Mapping[str, str]] = ...,
            quota: Mapping[str, Any] = ...,
            registry: Mapping[str, Any] = ...,
            actor: str | None = ...,
            sync: bool = ...,
            locked: bool | None = ...,
            extra_features: Sequence[FeatureSelection] = ...,
        ) -> None: ...

    @classmethod
    def _of_file(cls, given: Tree) -> Tree:
        for name in sorted(_OF_METAXY & given.keys()):
            raise ValueError(f"`{name}` is a setting of `metaxy.toml`; `metalith.toml` has none")
        return given

    @classmethod
    def _normalized(cls, given: Tree) -> Tree:
        hashing = given.pop("hash", None)
        if hashing is None:
            return given
        names = {"algorithm": "hash_algorithm", "length": "hash_truncation_length"}
        if not isinstance(hashing, Mapping) or not names.keys() >= hashing.keys():
            raise ValueError("`hash` has an `algorithm` and a `length`, and nothing else")
        settings = cast("Mapping[str, Any]", hashing)
        return {**{names[key]: value for key, value in settings.items()}, **given}

    def _store_settings(self, name: str) -> StoreConfig:
        if not self.stores and name == self.store:
            return StoreConfig()
        return super()._store_settings(name)

    def _arguments(self, store: StoreConfig) -> dict[str, Any]:
        common = {"hash_algorithm": self.hash_algorithm, "actor": self.actor}
        given: dict[str, Any] = {key: it for key, it in common.items() if it is not None}
        if store.fallback_stores:
            self._refuse_circle(store, ())
            given["fallback_stores"] = [self.get_store(name) for name in store.fallback_stores]
        if store.is_of_the_engine:
            settings = store.model_dump(exclude_defaults=True, exclude={"config"})
            settings.pop("fallback_stores", None)
            given.update(settings=settings, folder=self.folder, space=self.space)
            return {**given, **store.config}
        if store.type != "delta":
            return {**(given if store.type in STORE_TYPES else {}), **store.config}
        address = store.address or str(self.folder / (store.path or ".metalith/store"))
        if self.space is not None:
            address = f"{address.rstrip('/')}/spaces/{self.space}"
        given.update(root_path=address, layout=store.layout or "nested")
        return {**given, "storage_options": store.options, **store.config}

    def _refuse_circle(self, store: StoreConfig, path: tuple[str, ...]) -> None:
        for name in store.fallback_stores:
            if name in path:
                circle = " -> ".join(f"`{it}`" for it in (*path, name))
                raise InvalidConfigError(f"stores fall back to each other: {circle}")
            self._refuse_circle(self._store_settings(name), (*path, name))


class _Default:
    """What holds while no configuration is active."""

    kind: type[BaseConfig] = MetalithConfig


def active_config() -> BaseConfig:
    """The active configuration, of whatever kind; one as by default when none is."""
    return _active.get() or _Default.kind()


def use_defaults_of(kind: type[BaseConfig]) -> None:
    """Decides what holds while no configuration is active."""
    _Default.kind = kind


def hash_length() -> int | None:
    """To how many characters versions are cut; `None` when they are not."""
    return active_config().hash_length
