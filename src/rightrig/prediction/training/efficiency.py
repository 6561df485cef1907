"""What training reaches of the datasheet: parameters of frameworks, cards and links.

Few, shared and bounded: a card's family, a framework's style, a kind of link. Nothing belongs to a
model or to a row of a table, so that what was never measured borrows from what is like it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rightrig.prediction.gradient_sync import slowest_link
from rightrig.prediction.parameters import Prior, family_of, tables, value

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob
    from rightrig.facts.gpu import Gpu
    from rightrig.prediction.parameters import Table
    from rightrig.work.operators import Floats

KINDS: Final = (
    "card", "eight", "compute", "rows", "launch_s", "hook_s", "traffic", "attention",
    "exponentials", "contention", "unpacking", "link", "slot",
)  # fmt: skip
"""Kinds of parameters; a job uses one of each."""
Closeness = Literal["this framework and card", "this framework", "this card", "neither"]
CLOSENESS: Final[tuple[Closeness, ...]] = (
    "this framework and card", "this framework", "this card", "neither",
)  # fmt: skip
"""How close the published runs behind a prediction are, from the closest."""
_DEFAULT_STYLE: Final = "eager"
_COMPILABLE: Final = frozenset({"eager", "hf"})
_PLAIN_FMA_COUNT: Final = 1024.0
_LINKS: Final = {
    "none": "nvlink", "nvlink-switch": "nvlink", "nvlink-bridge": "nvlink", "mesh": "nvlink",
    "pcie": "pcie", "pcie-host": "pcie", "network": "network",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reached:
    """What a job reaches: numbers, or arrays with an element a job.

    Attributes:
        products_ratio, eight_bit_ratio: Of the datasheet's rate, in matrix products.
        attention_ratio: Of the 16-bit rate, in attention.
        traffic_ratio: Share of a product's traffic that its arithmetic does not hide.
        rows_ratio: Time of row-by-row work over that of its least bytes.
        unpacking_ratio: Time of unpacking over that of its least bytes.
        memory_ratio: Of the memory bandwidth, in long plain reads and writes.
        launch_s: Host time of a kernel.
        hook_s: Host time of a matrix that is gathered by itself.
        link_ratio: Bandwidth of long messages over that of an engine's.
        slot_ratio: Of the rate of a card's slot.
        contention_ratio: Share of hidden messages that a step pays for all the same.
    """

    products_ratio: Floats
    eight_bit_ratio: Floats
    attention_ratio: Floats
    traffic_ratio: Floats
    rows_ratio: Floats
    unpacking_ratio: Floats
    memory_ratio: Floats
    launch_s: Floats
    hook_s: Floats
    link_ratio: Floats
    slot_ratio: Floats
    contention_ratio: Floats


@dataclass(frozen=True, slots=True)
class CardShares:
    """What products alone reach on a card, and how wide its tensor cores are.

    Attributes:
        products_ratio, eight_bit_ratio: Of the datasheet's rate, by timed kernels.
        memory_ratio: Of the memory bandwidth.
        width_ratio: Multiply-adds that an SM starts a clock, over 1024.
    """

    products_ratio: Floats
    eight_bit_ratio: Floats
    memory_ratio: Floats
    width_ratio: Floats


def style_of(framework: str) -> str:
    """Return how a framework runs its kernels; plain PyTorch for one that is not known."""
    style: str = tables("training_speed")["style"].get(framework, _DEFAULT_STYLE)
    return style


def style_of_job(job: TrainingJob) -> str:
    """Return how a job's kernels run: those that PyTorch starts one by one may be compiled."""
    style = style_of(job.framework)
    return "compiled" if job.is_compiled and style in _COMPILABLE else style


def repeats_last(framework: str) -> bool:
    """Return whether its recomputation of a layer goes on to the last product, which none reads."""
    return framework not in tables("training_speed")["stops_early"]


def attention_era(framework: str) -> str:
    """Return which attention kernels a framework's published runs used: ``early`` or ``plain``."""
    return "early" if framework in tables("training_speed")["early_attention"] else "plain"


def _unpacking(job: TrainingJob) -> str:
    """Return how frozen weights are unpacked: by one kernel (``nf4``), or by several plain ones."""
    is_plain = job.framework in tables("training_speed")["plain_unpacking"] and not job.is_compiled
    return "nf4" if job.states.base.startswith("nf4") and not is_plain else "int4"


def _copies(framework: str) -> str:
    """Return the end of a link's key where a framework copies between cards without NCCL."""
    return "_own" if framework in tables("training_speed")["own_copies"] else ""


def card_key(gpu: Gpu) -> str:
    """Return the group of cards whose training was measured together.

    Consumer cards of a family have tensor cores of half the width and so lose less to heat.
    """
    name: str = family_of(gpu)["name"]
    is_apart = gpu.tier == "consumer" and not name.endswith("geforce")
    return f"{name}_consumer" if is_apart else name


def keys_of(job: TrainingJob) -> dict[str, str]:
    """Return which parameter of each kind a job uses."""
    card, style = card_key(job.rig.gpu), style_of_job(job)
    link = slowest_link(job.rig)
    return {
        "card": card, "eight": card, "compute": style, "rows": style, "launch_s": style,
        "hook_s": style, "traffic": "any", "attention": "any",
        "exponentials": attention_era(job.framework),
        "contention": "any", "unpacking": _unpacking(job),
        "link": _LINKS[link.kind] + _copies(job.framework), "slot": "any",
    }  # fmt: skip


def prior(kind: str, key: str) -> Prior:
    """Return what a parameter is before runs speak."""
    entry: Table = tables("training_speed")["kind"][kind]
    mid = tables("training_speed")["mid"].get(f"{kind}.{key}", entry["mid"])
    return Prior(float(mid), float(entry["spread"]), float(entry["low"]), float(entry["high"]))


def parameter(kind: str, key: str) -> float:
    """Return a parameter: fitted on runs, else its prior."""
    fitted: float | None = tables("training_fitted").get(kind, {}).get(key)
    return prior(kind, key).mid if fitted is None else fitted


def card_shares(gpu: Gpu) -> CardShares:
    """Return what timed kernels and the datasheet say of a card."""
    family = family_of(gpu)["name"]
    beside = value("card_compute", gpu.slug)
    fma = gpu.fma_per_clock
    width = (fma.bf16 or fma.fp16) if fma is not None else None
    return CardShares(
        min(1.0, value("compute", f"{family}.bf16") * beside),
        min(1.0, value("compute", f"{family}.fp8") * beside),
        min(1.0, value("memory", family) * value("card_memory", gpu.slug)),
        (width or _PLAIN_FMA_COUNT) / _PLAIN_FMA_COUNT,
    )


def reached_of(job: TrainingJob) -> Reached:
    """Return what one job reaches."""
    keys = keys_of(job)
    return combined({kind: parameter(kind, keys[kind]) for kind in KINDS}, card_shares(job.rig.gpu))


def combined(values: dict[str, Floats], card: CardShares) -> Reached:
    """Return what parameters and a card's kernels come to; no share passes the datasheet.

    Attention multiplies on tensor cores and takes exponentials on units that no generation
    widened as much: ``1 / (1/a + x·w)`` with the tensor cores' width ``w`` (FlashAttention-3,
    Shah et al. 2024, arXiv:2407.08608, names the same two limits).
    """
    training = values["compute"] * values["card"]
    return Reached(
        products_ratio=_rate_ratio(card.products_ratio * training),
        eight_bit_ratio=_rate_ratio(card.eight_bit_ratio * values["compute"] * values["eight"]),
        attention_ratio=1.0
        / (1.0 / values["attention"] + values["exponentials"] * card.width_ratio),
        traffic_ratio=values["traffic"],
        rows_ratio=values["rows"],
        unpacking_ratio=values["unpacking"],
        memory_ratio=card.memory_ratio,
        launch_s=values["launch_s"],
        hook_s=values["hook_s"],
        link_ratio=values["link"],
        slot_ratio=values["slot"],
        contention_ratio=values["contention"],
    )


def _rate_ratio(ratio: Floats) -> Floats:
    """Return a share of the datasheet's rate, at most the whole of it."""
    return np.minimum(ratio, 1.0)
