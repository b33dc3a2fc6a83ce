"""Small things about places and frames."""

from urllib.parse import urlsplit

from narwhals.typing import FrameT

__all__ = ["empty_frame_like", "is_local_path", "sanitize_uri"]


def is_local_path(path: str) -> bool:
    """Whether a place is on this machine.

    >>> is_local_path("store"), is_local_path("file:///store"), is_local_path("s3://bucket")
    (True, True, False)
    """
    return "://" not in path or path.startswith(("file://", "local://"))


def empty_frame_like(ref_frame: FrameT) -> FrameT:
    """A frame with the same columns, and no rows."""
    return ref_frame.head(0)


def sanitize_uri(uri: str) -> str:
    """An address without names and passwords.

    >>> sanitize_uri("postgresql://me:secret@db:5432/shop")
    'postgresql://***:***@db:5432/shop'
    """
    try:
        parts = urlsplit(uri)
        name, password = parts.username, parts.password
    except ValueError:
        return uri
    if parts.scheme in ("", "file", "local") or not (name or password):
        return uri
    hidden = f"{'***' if name else ''}:{'***' if password else ''}"
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{hidden}@{place}").geturl()
