"""Features as assets of Dagster."""
