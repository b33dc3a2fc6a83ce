"""A project as Dagster's web server loads it. Its store is in the folder that the tests name."""

import os
from typing import Any

import dagster as dg

import metalith as ml
from metalith.ext.dagster import MetaxyStoreFromConfigResource, delete_metadata, metalithify

STORES: Any = {"default": {"path": os.environ["STORE_OF_THE_TEST"]}}
ml.MetalithConfig.set(ml.MetalithConfig(project="shop", store="default", stores=STORES))


class Segment(
    ml.BaseFeature,
    spec=ml.FeatureSpec(key=["customer", "segment"], id_columns=["id"], fields=["status"]),
):
    """Customers by what they buy."""

    id: str
    status: str | None = None


@metalithify
@dg.asset(metadata={"metaxy/feature": "customer/segment"})
def segments() -> None: ...


@dg.job(resource_defs={"metaxy_store": MetaxyStoreFromConfigResource(name="default")})
def cleanup_job() -> None:
    delete_metadata()


defs = dg.Definitions(assets=[segments], jobs=[cleanup_job])
