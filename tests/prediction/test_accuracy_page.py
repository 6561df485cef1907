"""The page on accuracy holds what the published tables give now."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Final

import pytest

DOCS: Final = Path(__file__).parents[2] / "docs"


def refresher() -> Any:
    """Load docs/refresh_accuracy.py."""
    spec = importlib.util.spec_from_file_location("refresh_accuracy", DOCS / "refresh_accuracy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_holds_what_the_published_tables_give_now() -> None:
    module = refresher()
    if not (module.SHARED / "measurements" / "kv_capacity.csv").exists():
        pytest.skip(f"no measurements in {module.SHARED}: set RIGHTRIG_SHARED")
    text = module.PAGE.read_text(encoding="utf-8")
    assert text == module.refreshed(text, module.results()), "run docs/refresh_accuracy.py"


def test_a_part_of_the_page_is_replaced_between_its_marks() -> None:
    text = "a\n<!-- memory -->\nold\n<!-- end -->\nb\n"
    assert refresher().refreshed(text, {"memory": "new\n"}) == (
        "a\n<!-- memory -->\nnew\n<!-- end -->\nb\n"
    )
