"""Ray is not there for every version of Python; its tests run where it is."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("ray") else ["test_ray.py"]
