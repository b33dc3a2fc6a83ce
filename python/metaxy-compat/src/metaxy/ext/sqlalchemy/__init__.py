"""Tables of a store for SQLAlchemy, and for Alembic."""

from metaxy.ext._extras import needed

with needed("metaxy.ext.sqlalchemy", "sqlalchemy", "sqlalchemy"):
    from metaxy.ext.sqlalchemy.plugin import (
        filter_feature_sqla_metadata,
        get_system_slqa_metadata,
        include_object,
    )

__all__ = ["filter_feature_sqla_metadata", "get_system_slqa_metadata", "include_object"]
