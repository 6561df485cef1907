"""The files of examples/ run as they are, and answer the question that their first lines ask."""

from __future__ import annotations

import re
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from program import Program

ROOT: Final = Path(__file__).parents[1]
EXAMPLES: Final = ROOT / "examples"
# Rents are those of the shipped list; a new list may move them, the decisions hold within these.
ABOUT_RATIO: Final = 0.25


def gpus_of(answer: Any) -> dict[str, set[str]]:
    """Return the cards that serve each demand of a fleet."""
    found: dict[str, set[str]] = {}
    for pool in answer["pools"]:
        found.setdefault(pool["demand"], set()).add(pool["gpu"])
    return found


def chat_70b(answer: Any) -> None:
    assert answer["rent_usd_per_month"] == pytest.approx(3343, rel=ABOUT_RATIO)
    assert {pool["weights"] for pool in answer["pools"]} == {"fp8"}


def rag(answer: Any) -> None:
    alone = min(one["rent_usd_per_month"] for one in answer["one_kind"])
    assert gpus_of(answer) == {"rag": {"h100-sxm", "l40s"}}
    assert answer["rent_usd_per_month"] < 0.9 * alone, "a mix is cheaper than any one kind"


def agents(answer: Any) -> None:
    assert gpus_of(answer) == {"agents": {"h100-sxm"}}
    assert answer["rent_usd_per_month"] == pytest.approx(3343, rel=ABOUT_RATIO)


def long_context(answer: Any) -> None:
    assert sorted(gpus_of(answer)) == ["contracts-1", "contracts-2", "contracts-3"]
    assert {gpu for gpus in gpus_of(answer).values() for gpu in gpus} == {"h200-sxm"}


def home_lab(answer: Any) -> None:
    assert answer["rent_usd_per_month"] == 0.0
    assert gpus_of(answer) == {"assistant": {"rtx-3090"}, "completion": {"rtx-3090"}}


DECIDED: Final[dict[str, Callable[[Any], None]]] = {
    "chat-70b.toml": chat_70b,
    "rag.toml": rag,
    "agents.toml": agents,
    "long-context.toml": long_context,
    "home-lab.toml": home_lab,
}


@pytest.mark.parametrize("name", DECIDED)
def test_a_demand_has_a_proven_cheapest_fleet(program: Program, name: str) -> None:
    answer = program.json(f"fleet {quote(str(EXAMPLES / name))}")
    assert answer["status"] == "optimal"
    DECIDED[name](answer)


@pytest.mark.usefixtures("compiled")
def test_a_batch_within_45_minutes_takes_the_second_cheapest_card(
    program: Program, tmp_path: Path
) -> None:
    file = EXAMPLES / "batch.toml"
    answer = program.json(f"plan --sweep {quote(str(file))} --jobs 1 --save {tmp_path / 'out'}")
    assert [best["winner"]["rig"] for best in answer["best"]] == ["1xl40s"]


def test_every_example_is_in_the_table_with_the_command_of_its_first_lines() -> None:
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = [path for path in EXAMPLES.iterdir() if path.suffix in {".toml", ".json"}]
    linked = re.findall(r"\]\(([\w-]+\.(?:toml|json))\)", table)
    assert sorted(linked) == sorted(path.name for path in files)
    for file in files:
        command = re.search(r"^# (rightrig .*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert command is None or f"| `{command[1]}` |" in table, file.name


def test_every_link_of_the_table_of_examples_leads_somewhere() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert all((EXAMPLES / link).exists() for link in links)
