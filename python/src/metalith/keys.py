"""Names of features and fields.

>>> FeatureKey("video/raw").table_name
'video__raw'
>>> FeatureKey(["video", "raw"]) == FeatureKey("video/raw")
True
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from pydantic import (
    BeforeValidator,
    RootModel,
    TypeAdapter,
    field_validator,
    model_serializer,
    model_validator,
)
from typing_extensions import Self

if TYPE_CHECKING:
    from metalith.definition import FeatureDefinition
    from metalith.feature import BaseFeature
    from metalith.spec import FeatureSpec

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz_")
_DIGITS = frozenset("0123456789")


class _Key(RootModel[tuple[str, ...]], frozen=True):
    """Parts joined with `/`. Frozen, so that it can be a key of dictionaries."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        if isinstance(given, _Key):
            return given.root
        if isinstance(given, Mapping):
            named = cast("Mapping[str, object]", given)
            # `parts` is how keys were stored before 2026.
            given = named.get("root", named.get("parts"))
        if isinstance(given, str):
            return tuple(given.split("/"))
        if isinstance(given, Sequence):
            return tuple(cast("Sequence[str]", given))
        raise ValueError(
            f"cannot create {cls.__name__} from {type(given).__name__}: give text such as "
            f"`a/b`, or a list of parts"
        )

    @field_validator("root")
    @classmethod
    def _check(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        name = cls.__name__
        if not parts or parts == ("",):
            raise ValueError(f"{name} parts cannot be empty: give at least one part")
        for index, part in enumerate(parts):
            if not part:
                raise ValueError(f"{name} parts cannot be empty, as in `{'/'.join(parts)}`")
            if "/" in part:
                raise ValueError(
                    f"{name} part `{part}` cannot contain forward slashes: give the whole key as "
                    f"text, or each part by itself"
                )
            if "__" in part:
                raise ValueError(
                    f"{name} part `{part}` cannot contain double underscores: table names join "
                    f"parts with them"
                )
            _check_characters(name, part, first=index == 0)
        return parts

    @model_serializer
    def _write(self) -> str:
        return self.to_string()

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts, first to last."""
        return self.root

    @property
    def table_name(self) -> str:
        """The name of the table in a database."""
        return "__".join(self.root).replace("-", "_")

    def to_string(self) -> str:
        """The parts with `/` between them."""
        return "/".join(self.root)

    def to_struct_key(self) -> str:
        """The name as a member of a `*_by_field` struct."""
        return "_".join(self.root)

    def to_column_suffix(self) -> str:
        """What a join appends to the names of columns."""
        return "__" + self.to_struct_key()

    def __str__(self) -> str:
        return self.to_string()

    def __repr__(self) -> str:
        return self.to_string()

    def __hash__(self) -> int:
        return hash(self.root)

    def __eq__(self, other: object) -> bool:
        # A feature and a field of the same name are different.
        if type(other) is not type(self):
            return NotImplemented
        return self.root == other.root

    def __lt__(self, other: Self) -> bool:
        return self.root < _root(self, other)

    def __le__(self, other: Self) -> bool:
        return self.root <= _root(self, other)

    def __gt__(self, other: Self) -> bool:
        return self.root > _root(self, other)

    def __ge__(self, other: Self) -> bool:
        return self.root >= _root(self, other)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a list of parts, not of fields
        return iter(self.root)

    def __reversed__(self) -> Iterator[str]:
        return reversed(self.root)

    def __getitem__(self, index: int) -> str:
        return self.root[index]

    def __len__(self) -> int:
        return len(self.root)

    def __contains__(self, part: object) -> bool:
        return part in self.root


def _root(key: _Key, other: object) -> tuple[str, ...]:
    if not isinstance(other, _Key):
        raise TypeError(f"cannot compare {type(key).__name__} with {type(other).__name__}")
    return other.root


def _check_characters(name: str, part: str, *, first: bool) -> None:
    starts = _LETTERS if first else _LETTERS | _DIGITS
    inner = _LETTERS | _DIGITS | {"-"}
    if part[0] in starts and all(it in inner for it in part):
        return
    start = "a lowercase letter or `_`" if first else "a lowercase letter, a digit or `_`"
    raise ValueError(
        f"{name} {'first ' if first else ''}part `{part}` is invalid: it must start with {start} "
        f"and have only lowercase letters, digits, `_` and `-`"
    )


class FeatureKey(_Key, frozen=True):
    """The name of a feature.

    >>> FeatureKey("video/raw").parts
    ('video', 'raw')
    """

    if TYPE_CHECKING:

        def __init__(self, root: "str | Sequence[str] | Mapping[str, object] | _Key") -> None: ...


class FieldKey(_Key, frozen=True):
    """The name of a field within a feature.

    >>> FieldKey(["audio", "french"]).to_struct_key()
    'audio_french'
    """

    if TYPE_CHECKING:

        def __init__(self, root: "str | Sequence[str] | Mapping[str, object] | _Key") -> None: ...


CoercibleToFeatureKey: TypeAlias = (
    "str | Sequence[str] | FeatureKey | type[BaseFeature] | FeatureDefinition | FeatureSpec"
)
CoercibleToFieldKey: TypeAlias = "str | Sequence[str] | FieldKey"


def _feature_key(given: Any) -> Any:
    if isinstance(given, FeatureKey):
        return given
    if isinstance(given, type):
        spec = getattr(given, "__metalith_spec__", None)
        if spec is None:
            raise ValueError(f"`{given.__name__}` is not a feature: it has no spec")
        return spec.key
    # A spec and a definition both have the key; keys as text, list and dict have no such attribute.
    key = getattr(given, "key", None)
    return key if isinstance(key, FeatureKey) else given


def _sequence(given: Any) -> Any:
    if isinstance(given, (str, _Key, type)) or not isinstance(given, (Sequence, set, frozenset)):
        raise ValueError("give a list of keys")
    return list(cast("Sequence[object]", given))


ValidatedFeatureKey: TypeAlias = Annotated[FeatureKey, BeforeValidator(_feature_key)]
ValidatedFieldKey: TypeAlias = FieldKey
ValidatedFeatureKeySequence: TypeAlias = Annotated[
    list[ValidatedFeatureKey], BeforeValidator(_sequence)
]
ValidatedFieldKeySequence: TypeAlias = Annotated[list[FieldKey], BeforeValidator(_sequence)]

ValidatedFeatureKeyAdapter: TypeAdapter[FeatureKey] = TypeAdapter(ValidatedFeatureKey)
ValidatedFieldKeyAdapter: TypeAdapter[FieldKey] = TypeAdapter(ValidatedFieldKey)
ValidatedFeatureKeySequenceAdapter: TypeAdapter[list[FeatureKey]] = TypeAdapter(
    ValidatedFeatureKeySequence
)
ValidatedFieldKeySequenceAdapter: TypeAdapter[list[FieldKey]] = TypeAdapter(
    ValidatedFieldKeySequence
)


def coerce_to_feature_key(value: CoercibleToFeatureKey) -> FeatureKey:
    """The key of whatever names a feature: text, parts, a class, a spec, a definition.

    >>> coerce_to_feature_key(["video", "raw"])
    video/raw
    """
    found = _feature_key(value)
    return found if isinstance(found, FeatureKey) else FeatureKey(found)


def coerce_to_field_key(value: CoercibleToFieldKey) -> FieldKey:
    """The key of whatever names a field.

    >>> coerce_to_field_key("audio/french")
    audio/french
    """
    return value if isinstance(value, FieldKey) else FieldKey(value)


def get_feature_by_key(key: CoercibleToFeatureKey) -> "FeatureDefinition":
    """The definition of a feature of the active graph."""
    from metalith.graph import FeatureGraph

    return FeatureGraph.get_active().get_feature_definition(key)
