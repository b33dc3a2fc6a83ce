"""Names in the metadata of assets."""

from metalith.ext.dagster.constants import (
    ATTRIBUTES_METADATA_KEY as METAXY_DAGSTER_METADATA_KEY,
)
from metalith.ext.dagster.constants import (
    COLUMN_LINEAGE_METADATA_KEY as DAGSTER_COLUMN_LINEAGE_METADATA_KEY,
)
from metalith.ext.dagster.constants import (
    COLUMN_SCHEMA_METADATA_KEY as DAGSTER_COLUMN_SCHEMA_METADATA_KEY,
)
from metalith.ext.dagster.constants import (
    FEATURE_CODE_VERSION_TAG_KEY as DAGSTER_METAXY_FEATURE_CODE_VERSION_TAG_KEY,
)
from metalith.ext.dagster.constants import (
    FEATURE_METADATA_KEY as DAGSTER_METAXY_FEATURE_METADATA_KEY,
)
from metalith.ext.dagster.constants import (
    FEATURE_VERSION_TAG_KEY as DAGSTER_METAXY_FEATURE_VERSION_TAG_KEY,
)
from metalith.ext.dagster.constants import INFO_METADATA_KEY as DAGSTER_METAXY_INFO_METADATA_KEY
from metalith.ext.dagster.constants import KIND as DAGSTER_METAXY_KIND
from metalith.ext.dagster.constants import PARTITION_KEY as DAGSTER_METAXY_PARTITION_KEY
from metalith.ext.dagster.constants import (
    PARTITION_METADATA_KEY as DAGSTER_METAXY_PARTITION_METADATA_KEY,
)
from metalith.ext.dagster.constants import PROJECT_TAG_KEY as DAGSTER_METAXY_PROJECT_TAG_KEY

__all__ = [
    "DAGSTER_COLUMN_LINEAGE_METADATA_KEY",
    "DAGSTER_COLUMN_SCHEMA_METADATA_KEY",
    "DAGSTER_METAXY_FEATURE_CODE_VERSION_TAG_KEY",
    "DAGSTER_METAXY_FEATURE_METADATA_KEY",
    "DAGSTER_METAXY_FEATURE_VERSION_TAG_KEY",
    "DAGSTER_METAXY_INFO_METADATA_KEY",
    "DAGSTER_METAXY_KIND",
    "DAGSTER_METAXY_PARTITION_KEY",
    "DAGSTER_METAXY_PARTITION_METADATA_KEY",
    "DAGSTER_METAXY_PROJECT_TAG_KEY",
    "METAXY_DAGSTER_METADATA_KEY",
]
