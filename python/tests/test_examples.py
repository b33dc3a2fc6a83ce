"""The examples run as they are."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples/python"


def test_the_tour() -> None:
    runpy.run_path(str(EXAMPLES / "tour.py"), run_name="__main__")
