"""Fields of features."""

from metalith.fields import FieldDep, FieldSpec, SpecialFieldDep

from metaxy.utils.constants import DEFAULT_CODE_VERSION

__all__ = ["DEFAULT_CODE_VERSION", "FieldDep", "FieldSpec", "SpecialFieldDep"]
