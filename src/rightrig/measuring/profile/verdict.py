"""Where the gap is: what a step waits for, which part is longer than it should be, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from rightrig.measuring.profile.comparing import HOST
from rightrig.measuring.profile.kernels import COMMUNICATION
from rightrig.measuring.profile.roles import (
    ATTENTION,
    ATTENTION_DECODE,
    ATTENTION_OUTPUT,
    ATTENTION_PREFILL,
    BACK,
    HEAD,
    INTO,
    PRODUCTS,
    QKV,
    SMALL,
    UNASSIGNED,
)
from rightrig.quantities import show_seconds

if TYPE_CHECKING:
    from rightrig.measuring.profile.account import Account
    from rightrig.measuring.profile.comparing import Compared, Line
    from rightrig.measuring.profile.trace import Counters

BoundBy = Literal[
    "host", "communication", "memory bandwidth", "compute", "latency", "not known without a model"
]
_UNKNOWN: Final[BoundBy] = "not known without a model"
_AS_EXPECTED_RATIO: Final = 1.1
_TOO_QUICK: Final = (
    "no such card is that quick, so the file holds another model, batch, format or card than was "
    "named"
)
_FULL_RATIO: Final = 0.6
"""Share of a peak from which a kernel waits for that resource (Nsight Compute's own guide)."""
_SENT: Final = frozenset((*COMMUNICATION, "expert exchange", "stage to stage"))
_BY_ROWS: Final = frozenset((SMALL, ATTENTION_DECODE, "copies"))
"""What moves more than it computes on any card, whatever the batch."""
_PRODUCTS: Final = frozenset(
    (QKV, ATTENTION_OUTPUT, INTO, BACK, HEAD, PRODUCTS, "experts", "router")
)
_ATTENTION: Final = frozenset((ATTENTION, ATTENTION_DECODE, ATTENTION_PREFILL, "recurrent"))
_CHANGES: Final[dict[str, tuple[str, ...]]] = {
    "host": (
        "replay captured graphs: no --enforce-eager, and batches of sizes that were captured",
        "let the scheduler run ahead of the device (vLLM --async-scheduling; SGLang does)",
        "more sequences a step, so that one launch does more work",
        "a quicker core for the engine's process: a higher clock, no neighbours on it",
    ),
    "communication": (
        "fewer ranks a token: a smaller --tp with more --replicas, or cards with NVLink",
        "the engine's own all-reduce for small messages, fused with the norm after it",
        "look at the other ranks: a message waits for the slowest of them",
    ),
    "memory bandwidth": (
        "fewer bytes: weights and KV cache in 8 or 4 bits",
        "more sequences a step: weights are read once for all of them",
    ),
    "compute": (
        "a format that the card multiplies faster: FP8 from Ada and Hopper on, FP4 on Blackwell",
        "smaller chunks of prompts beside decoding sequences (--max-num-batched-tokens)",
    ),
    "products": (
        "another kernel for these products: a shape may have a bad tile at this batch",
        "a format that the card multiplies natively: unpacked weights are slower",
    ),
    "attention": (
        "another attention backend (vLLM --attention-backend; SGLang has the same option)",
        "for few long sequences one that splits the context; an FP8 cache halves what is read",
    ),
    "small": ("fused kernels: torch.compile on, the engine's own fused norms and activations",),
    "unassigned": ("look at the names that no rule knows: slow paths often show there",),
    "latency": ("kernels too small to fill the card: more sequences a step, or fused kernels",),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a step waits for, and what to do about it.

    Attributes:
        bound_by: What most of the step waits for.
        shares_ratio: Each resource's share of the step.
        sentences: Where the gap is; the first one says it.
        changes: What to change, the likeliest first.
    """

    bound_by: BoundBy
    shares_ratio: dict[BoundBy, float]
    sentences: tuple[str, ...]
    changes: tuple[str, ...]


def verdict_of(found: Account, beside: Compared | None) -> Verdict:
    """Return where the gap of a profiled step is.

    Args:
        found: The step.
        beside: The model's step; without it only host, messages and what runs row by row are
            told apart from products and attention of prompts, whose side of the roofline depends
            on the batch.
    """
    shares = _shares_ratio(found, beside)
    bound_by = max(shares, key=lambda name: shares[name])
    if beside is None:
        return Verdict(
            bound_by, shares, _alone(found, bound_by, shares), _CHANGES.get(bound_by, ())
        )
    worst = max(beside.lines, key=lambda line: line.excess_s)
    sentences = _beside(found, beside, worst)
    is_expected = found.step_s <= _AS_EXPECTED_RATIO * beside.expected_s
    asked = [bound_by] if is_expected else [_cure(worst), bound_by]
    changes = dict.fromkeys(change for name in asked for change in _CHANGES.get(name, ()))
    return Verdict(bound_by, shares, sentences, tuple(changes))


def _shares_ratio(found: Account, beside: Compared | None) -> dict[BoundBy, float]:
    """Return which share of a step waits for what; time of kernels side by side is scaled."""
    line = found.timeline
    resource_of = {part.name: part.waits_for for part in beside.lines} if beside else {}
    times_s: dict[BoundBy, float] = {"host": line.idle_s if line else 0.0}
    if line is not None:
        times_s["communication"] = line.exposed_s
    kernels: dict[BoundBy, float] = {}
    for spent in found.spent:
        if spent.name in _SENT:
            if line is None:
                times_s["communication"] = times_s.get("communication", 0.0) + spent.time_s
            continue
        resource = _resource(spent.name, resource_of)
        kernels[resource] = kernels.get(resource, 0.0) + spent.time_s
    room_s = found.step_s - sum(times_s.values())
    own_s = sum(kernels.values())
    for resource, time_s in kernels.items():
        # Divided first: the product of two tiny times is zero.
        scaled_s = time_s / own_s * room_s if own_s > 0.0 else 0.0
        times_s[resource] = times_s.get(resource, 0.0) + scaled_s
    return {name: time_s / found.step_s for name, time_s in times_s.items() if time_s > 0.0}


def _resource(name: str, resource_of: dict[str, str | None]) -> BoundBy:
    """Return what an operator waits for, by the model or else by its nature."""
    told = resource_of.get(name)
    if told is None and name in _PRODUCTS:
        told = resource_of.get(PRODUCTS)
    if told is None and name in _ATTENTION:
        told = resource_of.get(ATTENTION)
    if told == "compute":
        return "compute"
    if told == "memory bandwidth" or name in _BY_ROWS:
        return "memory bandwidth"
    return _UNKNOWN


def _cure(worst: Line) -> str:
    """Return which changes help against the part that is longer than expected."""
    if worst.name == HOST:
        return "host"
    groups = {"communication": _SENT, "products": _PRODUCTS, "attention": _ATTENTION,
              "small": frozenset((SMALL,)), "unassigned": frozenset((UNASSIGNED,))}  # fmt: skip
    return next((cure for cure, names in groups.items() if worst.name in names), "host")


def _alone(found: Account, bound_by: BoundBy, shares: dict[BoundBy, float]) -> tuple[str, ...]:
    """Return what can be said without a model."""
    line, whole = found.timeline, show_seconds(found.step_s)
    first = found.spent[0]
    longest = f"the longest operator is {first.name}, {first.time_s / found.step_s:.0%}"
    if line is None:
        return (f"The kernels take {whole} one after another; {longest}.",)
    told = f"{shares.get(bound_by, 0.0):.0%} of a step of {whole}"
    if bound_by == "host":
        text = f"Host-bound: {told} the device is idle between kernels; {longest}."
    elif bound_by == "communication":
        text = f"Communication-bound: {told} are messages that nothing hides; {longest}."
    else:
        text = (
            f"The device works {line.busy_s / line.step_s:.0%} of a step of {whole}; {longest}. "
            "Add --model and --on to see which kernels are slower than they should be."
        )
    return (text,)


def _beside(found: Account, beside: Compared, worst: Line) -> tuple[str, ...]:
    """Return where the gap is beside a model."""
    kind = "A step takes" if found.timeline else "The kernels of a step take"
    head = (
        f"{kind} {show_seconds(found.step_s)} where {show_seconds(beside.expected_s)} is expected "
        f"and {show_seconds(beside.bound_s)} is the datasheet's least"
    )
    if found.step_s < beside.bound_s:
        return (f"{head}: {_TOO_QUICK}.",)
    if found.step_s <= _AS_EXPECTED_RATIO * beside.expected_s:
        return (f"{head}: no gap to explain.",)
    gap_s = found.step_s - beside.expected_s
    text = (
        f"{head}: of the {show_seconds(gap_s)} between, {show_seconds(worst.excess_s)} are "
        f"{worst.name}"
    )
    if worst.expected_s:
        text += f" ({show_seconds(worst.measured_s)} instead of {show_seconds(worst.expected_s)})"
    return (f"{text}.",)


def verdict_of_counters(counters: Counters) -> Verdict:
    """Return what kernels wait for by their counters (features F157).

    A kernel waits for the resource of which it uses most, where that is 60 % of the peak and
    more; below, for latency: it is too small, or its threads too few.
    """
    times_s: dict[BoundBy, float] = {}
    for time_s, memory, compute in zip(
        counters.totals.times_s, counters.memory_ratio, counters.compute_ratio, strict=True
    ):
        resource = resource_of_counters(memory, compute)
        times_s[resource] = times_s.get(resource, 0.0) + time_s
    whole_s = sum(times_s.values())
    shares = {name: time_s / whole_s for name, time_s in times_s.items()}
    bound_by = max(shares, key=lambda name: shares[name])
    text = (
        f"{shares[bound_by]:.0%} of the time of {len(counters.totals.names)} kernels waits for "
        f"{bound_by}; what is idle between them no counter says."
    )
    return Verdict(bound_by, shares, (text,), _CHANGES[bound_by])


def resource_of_counters(memory_ratio: float, compute_ratio: float) -> BoundBy:
    """Return what a kernel waits for by its shares of the peaks.

    >>> resource_of_counters(0.85, 0.3), resource_of_counters(0.2, 0.3)
    ('memory bandwidth', 'latency')
    """
    if max(memory_ratio, compute_ratio) < _FULL_RATIO:
        return "latency"
    return "memory bandwidth" if memory_ratio >= compute_ratio else "compute"
