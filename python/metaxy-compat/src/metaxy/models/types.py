"""Names of features and fields."""

from typing import Any

from metalith.keys import (
    CoercibleToFeatureKey,
    CoercibleToFieldKey,
    FeatureKey,
    FieldKey,
    ValidatedFeatureKey,
    ValidatedFeatureKeyAdapter,
    ValidatedFeatureKeySequence,
    ValidatedFeatureKeySequenceAdapter,
    ValidatedFieldKey,
    ValidatedFieldKeyAdapter,
    ValidatedFieldKeySequence,
    ValidatedFieldKeySequenceAdapter,
    coerce_to_feature_key,
)
from pydantic import TypeAdapter

from metaxy.metadata_store.system import PushResult

KEY_SEPARATOR = "/"
FEATURE_KEY_SEPARATOR = "/"
FIELD_KEY_SEPARATOR = "/"
FeatureKeyAdapter = TypeAdapter(FeatureKey)
FieldKeyAdapter = TypeAdapter(FieldKey)
ValidatedFeatureKeyList = list[ValidatedFeatureKey]
FeatureDepMetadata = dict[str, Any]

__all__ = [
    "FEATURE_KEY_SEPARATOR",
    "FIELD_KEY_SEPARATOR",
    "KEY_SEPARATOR",
    "CoercibleToFeatureKey",
    "CoercibleToFieldKey",
    "FeatureDepMetadata",
    "FeatureKey",
    "FeatureKeyAdapter",
    "FieldKey",
    "FieldKeyAdapter",
    "PushResult",
    "ValidatedFeatureKey",
    "ValidatedFeatureKeyAdapter",
    "ValidatedFeatureKeyList",
    "ValidatedFeatureKeySequence",
    "ValidatedFeatureKeySequenceAdapter",
    "ValidatedFieldKey",
    "ValidatedFieldKeyAdapter",
    "ValidatedFieldKeySequence",
    "ValidatedFieldKeySequenceAdapter",
    "coerce_to_feature_key",
]
