"""How names and versions are shown."""

from metalith.keys import FeatureKey, FieldKey

__all__ = ["format_feature_key", "format_field_key", "format_hash", "sanitize_mermaid_id"]


def sanitize_mermaid_id(s: str) -> str:
    """A text as the name of a node.

    >>> sanitize_mermaid_id("a/b-c")
    'a_b_c'
    """
    found = s.replace("/", "_").replace("-", "_")
    return found.replace("__", "_")


def format_hash(hash_str: str, length: int = 8) -> str:
    """The beginning of a version; of length 0 all of it.

    >>> format_hash("0123456789")
    '01234567'
    """
    return hash_str[:length] if length else hash_str


def format_feature_key(key: FeatureKey) -> str:
    """A key with `/` between its parts."""
    return key.to_string()


def format_field_key(key: FieldKey) -> str:
    """A key with `/` between its parts."""
    return key.to_string()
