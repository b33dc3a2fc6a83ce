"""Settings of plugins."""

from pydantic import BaseModel, ConfigDict


class PluginConfig(BaseModel):
    """Settings of a plugin."""

    model_config = ConfigDict(extra="allow")

    enable: bool = False
