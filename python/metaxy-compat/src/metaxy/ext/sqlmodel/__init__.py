"""Features that are tables of SQLModel as well."""

from metaxy.ext._extras import needed

with (
    needed("metaxy.ext.sqlmodel", "sqlalchemy", "sqlmodel"),
    needed("metaxy.ext.sqlmodel", "sqlmodel", "sqlmodel"),
):
    from metaxy.ext.sqlmodel.plugin import (
        BaseSQLModelFeature,
        SQLModelFeatureConfig,
        SQLModelFeatureMeta,
        filter_feature_sqlmodel_metadata,
    )

__all__ = [
    "BaseSQLModelFeature",
    "SQLModelFeatureConfig",
    "SQLModelFeatureMeta",
    "filter_feature_sqlmodel_metadata",
]
