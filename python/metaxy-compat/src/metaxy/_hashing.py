"""Hash algorithms, and how hashes are cut."""

from enum import Enum
from typing import Any

import narwhals as nw
from metalith.config import active_config

MIN_TRUNCATION_LENGTH = 8


class HashAlgorithm(str, Enum):
    """How samples are hashed."""

    XXHASH64 = "xxhash64"
    XXHASH32 = "xxhash32"
    WYHASH = "wyhash"
    SHA256 = "sha256"
    MD5 = "md5"
    FARMHASH = "farmhash"

    def __str__(self) -> str:
        return self.value


def get_hash_truncation_length() -> int:
    """To how many characters hashes are cut."""
    return active_config().hash_length or MIN_TRUNCATION_LENGTH


def truncate_hash(hash_str: str) -> str:
    """A hash as long as the configuration says.

    >>> truncate_hash("0123456789")
    '01234567'
    """
    return hash_str[: get_hash_truncation_length()]


def ensure_hash_compatibility(hash1: str, hash2: str) -> bool:
    """Whether two hashes are the same, or one the beginning of the other.

    >>> ensure_hash_compatibility("0123456789", "01234567")
    True
    """
    shorter = min(len(hash1), len(hash2))
    if hash1 == hash2:
        return True
    return shorter >= MIN_TRUNCATION_LENGTH and hash1[:shorter] == hash2[:shorter]


def truncate_string_column(df: nw.DataFrame[Any], column_name: str) -> nw.DataFrame[Any]:
    """A frame with the hashes of a column cut."""
    length = get_hash_truncation_length()
    return df.with_columns(nw.col(column_name).str.head(length))


def truncate_struct_column(df: Any, struct_column: str) -> Any:
    """A frame of Polars with the hashes within a column of structs cut."""
    import polars as pl

    length = get_hash_truncation_length()
    names = [field.name for field in df.collect_schema()[struct_column].fields]
    column = pl.col(struct_column)
    cut = [column.struct.field(name).str.head(length).alias(name) for name in names]
    return df.with_columns(pl.struct(cut).alias(struct_column))
