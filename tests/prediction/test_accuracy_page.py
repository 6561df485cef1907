"""The page on accuracy holds what the published tables give now."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from scripts import load_script

DOCS: Final = Path(__file__).parents[2] / "docs"


def test_the_page_holds_what_the_published_tables_give_now() -> None:
    module = load_script("docs/refresh_accuracy.py")
    if not (module.SHARED / "measurements" / "kv_capacity.csv").exists():
        pytest.skip(f"no measurements in {module.SHARED}: set RIGHTRIG_SHARED")
    text = module.PAGE.read_text(encoding="utf-8")
    assert text == module.refreshed(text, module.results()), "run docs/refresh_accuracy.py"


def test_a_part_of_the_page_is_replaced_between_its_marks() -> None:
    text = "a\n<!-- memory -->\nold\n<!-- end -->\nb\n"
    assert load_script("docs/refresh_accuracy.py").refreshed(text, {"memory": "new\n"}) == (
        "a\n<!-- memory -->\nnew\n<!-- end -->\nb\n"
    )
