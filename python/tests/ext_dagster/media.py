"""Rows for the features of these tests."""

import polars as pl

import metalith as ml


def videos(*ids: str, **columns: object) -> pl.DataFrame:
    """Rows of the feature `video/raw`."""
    versions = [{"frames": f"hash-{name}"} for name in ids]
    rows = pl.DataFrame({"video_id": list(ids), "metaxy_provenance_by_field": versions})
    return rows.with_columns(**{name: pl.lit(it) for name, it in columns.items()})


def write_all(
    store: ml.MetadataStore,
    video: type[ml.BaseFeature],
    chunk: type[ml.BaseFeature],
    faces: type[ml.BaseFeature],
) -> None:
    """Two videos, two chunks of each, and the faces in them."""
    with store.open("write"):
        store.write(video, videos("v1", "v2"))
        upstream = store.read(video).collect().to_native()
        parts = pl.DataFrame({"part": ["a", "b"]})
        hashes = pl.struct(frames=pl.col("metaxy_data_version"))
        chunks = upstream.join(parts, how="cross").select(
            "video_id",
            (pl.col("video_id") + pl.col("part")).alias("chunk_id"),
            hashes.alias("metaxy_provenance_by_field"),
        )
        store.write(chunk, chunks)
        store.write(faces, store.resolve_update(faces).new)
