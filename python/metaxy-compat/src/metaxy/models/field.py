"""Fields of features."""

from metalith.fields import FieldDep, FieldSpec, SpecialFieldDep
from pydantic import TypeAdapter

from metaxy.utils.constants import DEFAULT_CODE_VERSION

CoersibleToFieldSpecsTypeAdapter = TypeAdapter(list[FieldSpec])

__all__ = [
    "DEFAULT_CODE_VERSION",
    "CoersibleToFieldSpecsTypeAdapter",
    "FieldDep",
    "FieldSpec",
    "SpecialFieldDep",
]
