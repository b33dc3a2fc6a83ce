"""What settings consist of."""

from metalith._settings import paths

_collect_dict_keys = paths

__all__ = ["_collect_dict_keys"]
