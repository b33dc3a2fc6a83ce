"""Jobs that look at features."""

from metalith.ext.dagster import build_metaxy_multi_observation_job, build_metaxy_observation_job

__all__ = ["build_metaxy_multi_observation_job", "build_metaxy_observation_job"]
