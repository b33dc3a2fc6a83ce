"""Constants."""

DEFAULT_CODE_VERSION = "__metaxy_initial__"
