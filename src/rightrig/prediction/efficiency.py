"""Speeds: what one card and its links achieve for one engine and one format.

Datasheet rates (``facts``) times parameters (``parameters``), with the evidence behind them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.prediction.evidence import measured_of, run_sources
from rightrig.prediction.parameters import engine_for, family_of, own_values, tables, value
from rightrig.prediction.rates import (
    COMPUTE_KEYS,
    KernelRates,
    compute_type,
    kernel_rates,
    keys_of,
    link_key,
    peak_flop_per_s,
    sheet_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.deployment.rig import Link
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime
    from rightrig.prediction.evidence import Evidence, Measured
    from rightrig.prediction.parameters import Engine, Table
    from rightrig.prediction.rates import Sheet
    from rightrig.work.operators import Floats, OperatorKind


_ENDLESS_BYTES_PER_S: Final = 1e13
"""Stands for a link within one card, which carries nothing."""


@dataclass(frozen=True, slots=True)
class Speeds:
    """Everything that turns work into time on one card (arrays: on many, an element each).

    Attributes:
        rates: What each kind of work achieves.
        step_s, sequence_s, request_s: Host work of a step, of a sequence in it, and of a
            request beside its steps.
        eager_s: Host work of a launch in a step with prompts, which no captured graph covers.
        miss_ratio, burst_ratio, turn_s: What a prompt waits for in a closed loop (``serving``).
        overlapped: Whether the host prepares a step while the device works on the one before.
        mixes_prompts: Whether prompts share steps with sequences that decode.
        peak_flop_per_s, peak_bytes_per_s: The datasheet, for the η = 1 bound.
        peak_16bit_flop_per_s: The same in 16 bits.
        link_bytes_per_s: Rated, of a card among the ranks in one direction.
    """

    rates: dict[OperatorKind, KernelRates]
    step_s: Floats
    sequence_s: Floats
    request_s: Floats
    eager_s: Floats
    miss_ratio: Floats
    burst_ratio: Floats
    turn_s: Floats
    overlapped: bool
    mixes_prompts: bool
    peak_flop_per_s: Floats
    peak_16bit_flop_per_s: Floats
    peak_bytes_per_s: Floats
    link_bytes_per_s: Floats
    family: str
    measured: Measured
    sources: tuple[str, ...]

    @property
    def evidence(self) -> Evidence:
        """How close measured runs are."""
        return self.measured.evidence


@dataclass(frozen=True, slots=True)
class Joined:
    """The links of an engine: among the ranks that work on one token, and between stages.

    Attributes:
        has_groups: Whether groups of ranks have sequences of their own (attention-DP).
    """

    ranks: Link
    ranks_count: int
    stage: Link
    has_groups: bool = False


def speeds(
    gpu: Gpu,
    runtime: Runtime,
    format_name: str,
    joined: Joined,
    *,
    power_cap_w: float | None = None,
    version: str = "",
) -> Speeds:
    """Return what a card achieves for a runtime, a stored weight format and its links."""
    engine = engine_for(runtime, version)
    keyed = keyed_of(gpu, runtime, engine, format_name, joined, power_cap_w)
    of, sheet, family = keyed.value, keyed.sheet, family_of(gpu)
    accumulate = engine.fp16_accumulate
    return Speeds(
        rates={kind: _as_floats(rates) for kind, rates in kernel_rates(sheet, of).items()},
        step_s=of("step_s") * of("pair_host"),
        sequence_s=of("sequence_s"),
        request_s=of("request_s"),
        eager_s=of("eager_s") * of("pair_host"),
        miss_ratio=of("miss_ratio"),
        burst_ratio=of("burst_ratio"),
        turn_s=of("turn_s"),
        overlapped=engine.overlapped,
        mixes_prompts=engine.mixes_prompts,
        peak_flop_per_s=peak_flop_per_s(gpu, keyed.compute, fp16_accumulate=accumulate)
        or sheet.flop_per_s,
        peak_16bit_flop_per_s=sheet.sixteen_flop_per_s,
        peak_bytes_per_s=gpu.memory_bandwidth_bytes_per_s,
        link_bytes_per_s=joined.ranks.bytes_per_s,
        family=family["name"],
        measured=measured_of(gpu, engine),
        sources=_sources(family, engine),
    )


def _as_floats(rates: KernelRates) -> KernelRates:
    """Return the rates of one deployment as plain numbers, which are quicker than NumPy's."""
    return KernelRates(
        float(rates.compute_flop_per_s), float(rates.memory_bytes_per_s), float(rates.overhead_s)
    )


@dataclass(frozen=True, slots=True)
class Keyed:
    """What decides the rates of a deployment: which parameters, which datasheet.

    Attributes:
        compute: The type in which weights are multiplied.
        own: Kind → what runs on this very machine made of it.
    """

    keys: dict[str, str]
    sheet: Sheet
    compute: str
    own: Mapping[str, float]

    def value(self, kind: str) -> float:
        """Return the parameter of a kind: of this machine, else as fitted on published runs."""
        return self.own.get(kind) or value(kind, self.keys[kind])


def keyed_of(
    gpu: Gpu,
    runtime: Runtime,
    engine: Engine,
    format_name: str,
    joined: Joined,
    power_cap_w: float | None = None,
) -> Keyed:
    """Return which parameters and which datasheet a deployment uses."""
    compute, packed = compute_type(gpu, runtime, format_name)
    width = "packed" if packed else COMPUTE_KEYS[compute]
    stage = link_key(gpu, joined.stage, 2)
    among = link_key(gpu, joined.ranks, joined.ranks_count) if joined.ranks_count > 1 else stage
    sheet = replace(
        sheet_of(gpu, engine, width, compute, power_cap_w),
        link_bytes_per_s=min(joined.ranks.bytes_per_s, _ENDLESS_BYTES_PER_S),
        stage_bytes_per_s=min(joined.stage.bytes_per_s, _ENDLESS_BYTES_PER_S),
    )
    keys = keys_of(gpu, engine, width, among, has_groups=joined.has_groups)
    return Keyed(keys, sheet, compute, own_values(gpu, engine))


def _sources(family: Table, engine: Engine) -> tuple[str, ...]:
    """Return what the shares were fitted on."""
    kernels = tables("kernels")["meta"]["fitted_on"] if "kernels" in family else [family["source"]]
    return (*kernels, *run_sources(engine))
