# %% [markdown]
# # Metalith in ten minutes
#
# Cells are marked with `# %%`: open this file as a notebook in VS Code or with Jupytext, or run
# it as it is. It works on a scratch folder, which is gone at the end.

# %%
import tempfile
from pathlib import Path

import narwhals as nw
import polars as pl

import metalith as ml

scratch = tempfile.TemporaryDirectory()

# %% [markdown]
# ## Features
#
# Videos come from outside; each is cut into chunks, and faces are found in every chunk. A field is
# a part of a sample with code of its own: chunks depend on the frames of a video, not on its sound.

# %%
class Video(
    ml.BaseFeature,
    spec=ml.FeatureSpec(key="video/raw", id_columns=["video_id"], fields=["frames", "audio"]),
):
    video_id: str
    path: str


class Chunk(
    ml.BaseFeature,
    spec=ml.FeatureSpec(
        key="video/chunk",
        id_columns=["chunk_id"],
        deps=[
            ml.FeatureDep(
                feature=Video, lineage=ml.LineageRelationship.expansion(on=["video_id"])
            )
        ],
        fields=["frames"],
    ),
):
    video_id: str
    chunk_id: str


class Faces(
    ml.BaseFeature,
    spec=ml.FeatureSpec(key="video/faces", id_columns=["chunk_id"], deps=[Chunk]),
):
    chunk_id: str
    count: int


# %% [markdown]
# ## A store, and the first samples
#
# `metaxy_provenance_by_field` says what each field of a sample is made of: a hash of the file will
# do, or its entity tag.

# %%
store = ml.DeltaMetadataStore(Path(scratch.name) / "store")
videos = pl.DataFrame(
    {
        "video_id": ["cat", "dog"],
        "path": ["cat.mp4", "dog.mp4"],
        "metaxy_provenance_by_field": [
            {"frames": "f-1", "audio": "a-1"},
            {"frames": "f-2", "audio": "a-2"},
        ],
    }
)
with store.open("write"):
    store.write(Video, videos)

# %% [markdown]
# ## What is to do
#
# `resolve_update` compares what should be there with what is: new, stale and orphaned samples.
# Work them off, and write them back with their versions.


# %%
def cut(found: pl.DataFrame) -> pl.DataFrame:
    """Two chunks of every video."""
    pieces = found.drop("path").join(pl.DataFrame({"piece": [0, 1]}), how="cross")
    chunk_id = pl.concat_str("video_id", pl.lit(":"), "piece").alias("chunk_id")
    return pieces.with_columns(chunk_id).drop("piece")


def find_faces(found: pl.DataFrame) -> pl.DataFrame:
    """The work that takes a GPU."""
    return found.drop("video_id").with_columns(count=pl.lit(1))


def catch_up() -> dict[str, int]:
    """Brings everything up to date; says how much there was to do."""
    done: dict[str, int] = {}
    with store.open("write"):
        for feature, work in ((Chunk, cut), (Faces, find_faces)):
            found = store.resolve_update(feature).to_polars()
            todo = pl.concat([found.new, found.stale])
            if todo.height:
                store.write(feature, work(todo))
            done[feature.__name__] = todo.height
    return done


first = catch_up()
again = catch_up()
print(first, again)
assert first == {"Chunk": 2, "Faces": 4} and again == {"Chunk": 0, "Faces": 0}

# %% [markdown]
# ## Only what changed is computed again
#
# New sound leaves the chunks alone; new frames do not.

# %%
with store.open("write"):
    sound = [{"frames": "f-1", "audio": "a-9"}]
    store.write(Video, videos[:1].with_columns(metaxy_provenance_by_field=pl.Series(sound)))
    assert len(store.resolve_update(Chunk).stale) == 0
    frames = [{"frames": "f-9", "audio": "a-9"}]
    store.write(Video, videos[:1].with_columns(metaxy_provenance_by_field=pl.Series(frames)))
    assert len(store.resolve_update(Chunk).stale) == 1

# %% [markdown]
# ## Deleting a video, with everything that was made of it
#
# Nothing in the table of faces says which video a face is from: lineage does. The plan shows what
# would happen; a soft deletion can be undone as a whole.

# %%
with store.open("write"):
    plan = store.plan_deletion(Video, nw.col("video_id") == "dog", cascade="downstream")
    print(plan)
    deletion = plan.apply()
    assert len(store.read(Faces).collect()) == 2
    store.restore(deletion)
    assert len(store.read(Faces).collect()) == 4

# %% [markdown]
# ## Reading
#
# Samples come as lazy frames of Narwhals: call `.to_native()` for Polars.

# %%
with store:
    faces = store.read(Faces, columns=["chunk_id", "count"]).collect().to_native()
print(faces.sort("chunk_id"))

# %%
scratch.cleanup()
