"""Stores as resources."""

from typing import Any

import dagster as dg

from metalith.config import BaseConfig, active_config
from metalith.stores import MetadataStore


class MetalithStoreFromConfigResource(dg.ConfigurableResource[MetadataStore]):
    """A store by its name in the project's configuration; by default the one used by default.

    What is written gets the id of the run as its materialization id, and the audit log names the
    run as the actor.

    >>> MetalithStoreFromConfigResource(name="dev").name
    'dev'
    """

    name: str | None = None

    def create_resource(self, context: dg.InitResourceContext) -> MetadataStore:
        """The store, not open yet. Called by Dagster."""
        return self.store_for(None if context.run is None else context.run.run_id)

    def store_for(self, run_id: str | None) -> MetadataStore:
        """The store for a run; outside of runs for none."""
        config = active_config() if BaseConfig.is_set() else type(active_config()).load()
        options: dict[str, Any] = {}
        if run_id is not None:
            options = {"materialization_id": run_id, "actor": actor_of(run_id)}
        return config.get_store(self.name, **options)


def actor_of(run_id: str) -> str:
    """How the audit log names a run.

    >>> actor_of("0af3")
    'dagster:0af3'
    """
    return f"dagster:{run_id}"


def store_of(given: "MetadataStore | MetalithStoreFromConfigResource") -> MetadataStore:
    """The store, also of a resource that Dagster has not made one of."""
    if isinstance(given, MetalithStoreFromConfigResource):
        return given.store_for(None)
    return given


MetaxyStoreFromConfigResource = MetalithStoreFromConfigResource
