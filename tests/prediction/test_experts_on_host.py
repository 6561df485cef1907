"""Experts in host memory: they must fit there too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.prediction.levers import levers
from rightrig.prediction.memory_fit import HOST_RATIO, fit
from rightrig.quantities import GIB

if TYPE_CHECKING:
    from rightrig.prediction.memory_fit import Fit

CATALOG: Final = shipped()


def on_host(rig: str, cpu_moe: int | None = 26) -> Fit:
    choices = Choices(runtime="llama.cpp", cpu_moe=cpu_moe)
    llm = CATALOG.llm("gpt-oss-120b")
    return fit(propose(CATALOG, llm, parse_rig(rig, CATALOG), choices), 8192, 1)


def test_experts_that_the_host_does_not_hold_do_not_fit() -> None:
    needs_bytes = on_host("1xrtx-4090").host_bytes
    assert needs_bytes == pytest.approx(42.08 * GIB, rel=0.001)
    enough, short = needs_bytes / HOST_RATIO * 1.001, needs_bytes / HOST_RATIO * 0.999
    assert on_host(f"1xrtx-4090@ram={enough:.0f}B").verdict == "offload"
    refused = on_host(f"1xrtx-4090@ram={short:.0f}B")
    assert refused.verdict == "no"
    assert refused.binding.verdict == "fits"
    assert refused.explain().sentences[0].startswith("The host would need 42.08 GiB of 42.04 GiB")


def test_experts_go_to_the_host_in_as_few_layers_as_make_it_fit() -> None:
    answer = on_host("1xrtx-4090", None)
    assert answer.verdict == "no"
    first = levers(answer)[0]
    assert (first.change, first.costs) == ("--cpu-moe 24 (38.93 GiB of host memory)", "speed")
    assert on_host("1xrtx-4090", 23).verdict == "no"


def test_experts_of_a_model_without_any_stay_where_they_are() -> None:
    llm, rig = CATALOG.llm("llama-3.3-70b"), parse_rig("1xrtx-4090", CATALOG)
    answer = fit(
        propose(CATALOG, llm, rig, Choices(runtime="llama.cpp", weights="q4_k_m")), 8192, 1
    )
    assert answer.verdict == "no"
    assert not any("--cpu-moe" in lever.change for lever in levers(answer))
