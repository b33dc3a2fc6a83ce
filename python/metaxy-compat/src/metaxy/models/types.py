"""Names of features and fields."""

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

from metaxy.metadata_store.system import PushResult

KEY_SEPARATOR = "/"
FEATURE_KEY_SEPARATOR = "/"
FIELD_KEY_SEPARATOR = "/"

__all__ = [
    "FEATURE_KEY_SEPARATOR",
    "FIELD_KEY_SEPARATOR",
    "KEY_SEPARATOR",
    "CoercibleToFeatureKey",
    "CoercibleToFieldKey",
    "FeatureKey",
    "FieldKey",
    "PushResult",
    "ValidatedFeatureKey",
    "ValidatedFeatureKeyAdapter",
    "ValidatedFeatureKeySequence",
    "ValidatedFeatureKeySequenceAdapter",
    "ValidatedFieldKey",
    "ValidatedFieldKeyAdapter",
    "ValidatedFieldKeySequence",
    "ValidatedFieldKeySequenceAdapter",
    "coerce_to_feature_key",
]
