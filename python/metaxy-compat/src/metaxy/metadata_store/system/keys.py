"""Names of system tables."""

from metalith.keys import FeatureKey

METAXY_SYSTEM_KEY_PREFIX = "metaxy-system"
FEATURE_VERSIONS_KEY = FeatureKey([METAXY_SYSTEM_KEY_PREFIX, "feature_versions"])
EVENTS_KEY = FeatureKey([METAXY_SYSTEM_KEY_PREFIX, "events"])
