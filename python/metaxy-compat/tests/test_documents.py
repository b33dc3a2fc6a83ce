"""What the documents of this product promise, under the names of Metaxy.

The tests are those of Metalith, word for word but for the imports.
"""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import metaxy as mx

SOURCE = Path(__file__).parents[2] / "tests" / "test_documents.py"
NAMES = {
    "from metalith.stores.delta import": "from metaxy.ext.polars.handlers.delta import",
    "MetalithConfig": "MetaxyConfig",
    "metalith": "metaxy",
}


def promised() -> dict[str, object]:
    """The tests and what they need."""
    text = SOURCE.read_text(encoding="utf-8")
    for theirs, here in NAMES.items():
        assert theirs in text
        text = text.replace(theirs, here)
    module = ModuleType("promised")
    exec(compile(text, str(SOURCE), "exec"), vars(module))
    return {name: it for name, it in vars(module).items() if not name.startswith("__")}


globals().update(promised())


@pytest.fixture(autouse=True)
def graph() -> Iterator[mx.FeatureGraph]:
    with mx.FeatureGraph().use() as graph:
        yield graph


def test_they_are_all_here() -> None:
    found = [name for name in globals() if name.startswith("test_")]
    assert len(found) > SOURCE.read_text(encoding="utf-8").count("\ndef test_")
