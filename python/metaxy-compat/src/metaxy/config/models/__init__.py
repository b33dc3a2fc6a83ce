"""Settings, where Metaxy has them."""
