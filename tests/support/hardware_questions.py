"""Questions over a few cards of each kind, so that many can be asked in a short time."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import rightrig
from rightrig.demand.objective import Limits, Slo
from rightrig.demand.workload import Workload
from rightrig.planning.search import Question, Space, space_of

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu

CATALOG = rightrig.shipped()
FEW_CARDS = (
    "rtx-3090", "rtx-4090", "l4", "t4", "l40s", "a100-sxm-80gb", "h100-sxm", "orin-agx-64gb",
)  # fmt: skip


def asked(
    rate: float = 1.0,
    ttft: float | None = 2.0,
    tpot: float | None = 0.1,
    limits: Limits | None = None,
    lengths: tuple[int, int] = (1000, 300),
) -> Question:
    traffic = Workload(rate_requests_per_s=rate, input_tokens=lengths[0], output_tokens=lengths[1])
    return Question(traffic, Slo(ttft_p99_s=ttft, tpot_p99_s=tpot), limits or Limits())


@functools.cache
def few_cards(*slugs: str) -> Space:
    """Return a space of some cards in the usual formats."""
    return replace(space_of(CATALOG, asked()), gpus=cards(*(slugs or FEW_CARDS)))


def cards(*slugs: str) -> tuple[Gpu, ...]:
    return tuple(CATALOG.gpu(slug) for slug in slugs)
