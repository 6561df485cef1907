"""Published figures computed again: whether they hold, and if not, why.

Of the catalogue: rates and bandwidths of datasheets against what clocks and buses make, numbers of
parameters against the layers. Of other tools: their answers for six known KV caches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.facts import derivation
from rightrig.prediction.kv_cases import kv_cases, kv_tools
from rightrig.quantities import GB, GIGA, TERA
from rightrig.work.weights import active_params_count, total_params_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

Kind = Literal["KV cache", "parameters", "rate", "bandwidth"]
Word = Literal["holds", "near", "off"]
SAME_RATIO: Final = 0.02
"""Figures that differ by less are the same: makers round to two figures."""
NEAR_RATIO: Final = 0.10
"""Beyond this one of the two is wrong, or counts something else."""
_WHY_OF_SIZE: Final = {
    "total": "counted from the layers of its configuration",
    "active": "counted so too, with the embedding and the head, which some makers leave out",
}


@dataclass(frozen=True, slots=True)
class Recheck:
    """One published figure beside our own.

    Attributes:
        subject: What it is of: a card, a model, a cache.
        claim: What is claimed, in words.
        by: Who says so.
        stated, computed: Both in ``unit``.
        why: How ours is computed, or what explains the difference.
        source: Where it was published; empty where the record of the subject says it.
    """

    kind: Kind
    subject: str
    claim: str
    by: str
    stated: float
    computed: float
    unit: str
    why: str
    source: str = ""

    @property
    def off_ratio(self) -> float:
        """Stated over computed, less one."""
        return self.stated / self.computed - 1.0

    @property
    def word(self) -> Word:
        """Whether the figure holds."""
        off = abs(self.off_ratio)
        if off <= SAME_RATIO:
            return "holds"
        return "near" if off <= NEAR_RATIO else "off"


def rechecks(catalog: Catalog) -> tuple[Recheck, ...]:
    """Return every published figure that the catalogue and the known caches let us compute."""
    return (
        *_of_caches(catalog),
        *(one for slug in catalog.slugs("llms") for one in _of_model(catalog.llm(slug))),
        *(one for gpu in catalog.gpus() for one in _of_card(gpu)),
    )


def _of_caches(catalog: Catalog) -> Iterator[Recheck]:
    """Yield what tools answer for the known caches, beside what every layer keeps."""
    cases = kv_cases(catalog)
    for tool in kv_tools():
        for case, ratio in zip(cases, tool.answers_ratio, strict=True):
            if ratio is None:
                continue
            one = Recheck(
                "KV cache", case.model,
                f"cache of one sequence of {case.context_tokens:,} tokens at 16 bits", tool.name,
                ratio * case.ideal_bytes / GB, case.own_ideal_bytes / GB, "GB", case.derivation,
            )  # fmt: skip
            is_right = one.word == "holds"
            yield one if is_right else replace(one, why=f"{tool.known}; it is {case.derivation}")


def _of_model(llm: Llm) -> Iterator[Recheck]:
    """Yield the numbers of parameters that a model's makers state."""
    published, counted = llm.published, {"total": total_params_count(llm)}
    stated = {
        "total": (published.total_params_count or 0) / GIGA or published.total_billion,
        "active": published.active_billion,
    }
    if published.active_billion:
        counted["active"] = active_params_count(llm)
    for name in _WHY_OF_SIZE:
        value = stated[name]
        if value:
            yield Recheck(
                "parameters", llm.name, f"{name} parameters", "its makers", value,
                counted[name] / GIGA, "billion",
                _WHY_OF_SIZE[name],
            )  # fmt: skip


def _of_card(gpu: Gpu) -> Iterator[Recheck]:
    """Yield the bandwidth and the rates of a card that follow from its bus and its clock."""
    made = derivation.bandwidth_by_bus_bytes_per_s(gpu)
    if made is not None:
        yield Recheck(
            "bandwidth", gpu.slug, "memory bandwidth", gpu.vendor,
            gpu.memory_bandwidth_bytes_per_s / GB, made / GB, "GB/s", "bus × rate of a pin ÷ 8",
        )  # fmt: skip
    if derivation.is_peak_computed(gpu):
        return  # they cannot but agree
    for rate in derivation.RATES:
        stated = derivation.stated_flop_per_s(gpu.peak, rate)
        clocked = derivation.clocked_flop_per_s(gpu, rate)
        if stated is None or clocked is None:
            continue
        why = "SMs × multiply-adds a clock × 2 × clock"
        if rate in gpu.not_by_clock:
            why = f"{why}; {gpu.not_by_clock_reason}"
        yield Recheck(
            "rate", gpu.slug, f"dense {rate.upper().replace('_', ' ')} rate", gpu.vendor,
            stated / TERA, clocked / TERA, "TFLOP/s", why,
        )  # fmt: skip
