"""The page on defects holds what the rules find in the published tables now."""

from __future__ import annotations

import pytest
from published_runs import RUN_ROW, SHARED
from scripts import load_script

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement, read_table
from rightrig.prediction.defects import find_defects


def rows(*values: str, model: str = "Llama-3.1-8B") -> list[Measurement]:
    blank = dict.fromkeys(TABLES["inference"], "")
    return [
        Measurement(
            number,
            {**blank, **RUN_ROW, "concurrency_or_batch": "1", "value": value, "model": model},
        )
        for number, value in enumerate(values, 1)
    ]


def test_rows_of_one_cause_make_one_group() -> None:
    (found,) = find_defects(rows("100", "500", "1000", "not a number"), shipped())
    assert found.rule_id == "PLA-ROOFLINE"
    assert found.rows == (2, 3)
    assert found.largest_ratio == pytest.approx(2 * found.least_ratio)
    assert (found.cards, found.engine) == ("1xh100-sxm", "vLLM")


def test_a_model_that_does_not_fit_is_one_too() -> None:
    (found,) = find_defects(rows("10", model="Llama-3.1-70B"), shipped())
    assert found.rule_id == "PLA-MEMORY"
    assert found.largest_ratio == pytest.approx(141.1e9 / (80 * 2**30), rel=0.01)


@pytest.mark.parametrize(
    ("line", "rule_id"),
    [(2190, "PLA-ROOFLINE"), (7020, "PLA-ROOFLINE"), (6787, "PLA-EXPERTS"), (1576, "PLA-EXPERTS")],
)
def test_defects_that_people_found_are_found_by_rule(line: int, rule_id: str) -> None:
    """Lines of the table that the analysis of its development half names."""
    path = SHARED / "measurements" / "inference.csv"
    if not path.exists():
        pytest.skip(f"no measurements in {SHARED}: set RIGHTRIG_SHARED")
    (found,) = find_defects([read_table(path).rows[line - 2]], shipped())
    assert found.rule_id == rule_id


def test_the_page_holds_what_the_rules_find_now() -> None:
    module = load_script("docs/refresh_defects.py")
    if not (module.SHARED / "measurements" / "inference.csv").exists():
        pytest.skip(f"no measurements in {module.SHARED}: set RIGHTRIG_SHARED")
    text = module.PAGE.read_text(encoding="utf-8")
    assert text == module.refreshed(text, module.results()), "run docs/refresh_defects.py"
