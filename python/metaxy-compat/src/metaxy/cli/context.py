"""What Metaxy's command keeps while it runs. Metalith's keeps nothing."""

_global_app_context: None = None
