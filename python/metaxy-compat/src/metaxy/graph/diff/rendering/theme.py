"""Colours, as Metaxy has them: drawings of Metalith have their own."""

from pydantic import BaseModel
from typing_extensions import Self

__all__ = ["Theme"]


class Theme(BaseModel):
    """Colours of a drawing."""

    feature_color: str = "#00FFFF"
    field_color: str = "#5F87AF"
    version_color: str = "#FFFF00"
    edge_color: str = "#808080"
    snapshot_color: str = "#FF00FF"
    added_color: str = "#00FF00"
    removed_color: str = "#FF0000"
    changed_color: str = "#FFAA00"
    unchanged_color: str = "#808080"
    old_version_color: str = "#FF0000"
    new_version_color: str = "#00FF00"

    @classmethod
    def default(cls) -> Self:
        """These."""
        return cls()
