"""What models have in common."""

from pydantic import BaseModel, ConfigDict

__all__ = ["FrozenBaseModel"]


class FrozenBaseModel(BaseModel):
    """A model that is not changed any more."""

    model_config = ConfigDict(frozen=True)
