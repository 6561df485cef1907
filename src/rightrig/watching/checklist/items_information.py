"""What neither holds nor fails: what can be measured of each card, what ties, what to ask next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.measuring.probe.describing import expected_links_count
from rightrig.watching.checklist.item import Outcome, Topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.gpu import Gpu
    from rightrig.watching.checklist.evidence import Evidence

_HOPPER: Final = (9, 0)
_AMPERE: Final = (8, 0)
_DAY_S: Final = 86_400.0
_SOURCES: Final = (
    "NVIDIA's NVML reference for GPM (Hopper and newer), its guide to GPU memory errors for row "
    "remapping (Ampere and newer with HBM), DCGM's user guide for profiling (data-centre cards), "
    "and the records of the cards"
)


class Telemetry:
    """What each card of the rig lets one watch."""

    id: ClassVar[str] = "INFO-TELEMETRY"
    topic: ClassVar[Topic] = "information"

    def check(self, evidence: Evidence) -> Outcome:
        """Return it, card by card."""
        if evidence.deployment is None:
            return Outcome("information", f"not known: {evidence.why_none}")
        cards = {group.gpu.slug: group.gpu for group in evidence.deployment.rig.groups}
        told = [f"{slug}: {', '.join(telemetry_of(gpu))}" for slug, gpu in cards.items()]
        found = f"{'; '.join(told)} (from {_SOURCES})"
        return Outcome("information", found, command=f"rightrig gpus show {next(iter(cards))}")


def telemetry_of(gpu: Gpu) -> Iterator[str]:
    """Yield what a card's driver tells of it while it works."""
    if gpu.vendor != "NVIDIA":
        yield "utilisation, memory, clocks, temperature, power through the maker's own library"
        yield "no DCGM, no XIDs"
        return
    yield "utilisation, memory, clocks and why they are held, temperature, power, XIDs"
    yield _occupancy(gpu)
    yield from _errors(gpu)
    if gpu.mig_instance_count:
        yield f"up to {gpu.mig_instance_count} MIG instances apart"
    if not _is_server(gpu):
        yield f"a {gpu.tier} card: not made to run around the clock"


def _is_server(gpu: Gpu) -> bool:
    """Whether a card is made for data centres; of professional ones those without a fan are."""
    has_fan = gpu.cooling is None or not gpu.cooling.startswith("chassis")
    return gpu.tier in {"data-centre", "cloud"} or (gpu.tier == "professional" and not has_fan)


def _capability(gpu: Gpu) -> tuple[int, ...]:
    """Return a compute capability as numbers; none for a card without."""
    return tuple(int(part) for part in (gpu.compute_capability or "0.0").split("."))


def _occupancy(gpu: Gpu) -> str:
    """Return what tells how busy SMs are."""
    if not _is_server(gpu):
        return "no occupancy of SMs: NVML and DCGM profile data-centre cards alone"
    own = _capability(gpu) >= _HOPPER
    return f"occupancy and activity of SMs through {'NVML (GPM)' if own else 'DCGM alone'}"


def _errors(gpu: Gpu) -> Iterator[str]:
    """Yield which errors of memory and links are counted."""
    ecc = {"none": "no ECC counters", "optional-off": "ECC counters once ECC is on"}
    yield ecc.get(gpu.ecc, "ECC counters")
    if _capability(gpu) >= _AMPERE and gpu.memory_type.startswith("HBM"):
        yield "remapped rows"
    if gpu.fabric is None or gpu.fabric.kind != "nvlink":
        yield "no NVLink"
    else:
        links = expected_links_count(gpu)
        yield f"state and errors of {links} NVLinks" if links else "state and errors of NVLinks"


class LockedIn:
    """What ties the deployment to maker, runtime and provider."""

    id: ClassVar[str] = "INFO-LOCKIN"
    topic: ClassVar[Topic] = "information"

    def check(self, evidence: Evidence) -> Outcome:
        """Return it, with what leaving costs."""
        command = _lock_in_command(evidence)
        if evidence.lock_in is None:
            return Outcome("information", "not computed for this deployment", "ask", command)
        items = evidence.lock_in.items
        tied = [item.name for item in items if item.state == "tied"]
        open_ = [item.name for item in items if item.state == "not known"]
        told = f"{len(tied)} of {len(items)} considerations tie"
        told += f": {', '.join(tied)}" if tied else ""
        told += f"; not known: {', '.join(open_)}" if open_ else ""
        return Outcome("information", told, "each with its source, and what leaving costs", command)


def _lock_in_command(evidence: Evidence) -> str:
    """Return the command that tells all of it."""
    planned = evidence.planned
    runtime = (planned.choices.runtime or "vllm").partition("@")[0]
    return shlex.join(
        ["rightrig", "ask", "lock-in", "--on", planned.rig, "--runtime", runtime,
         "--model", planned.model, "--rate", _rate(evidence), *_lengths(evidence)]
    )  # fmt: skip


def _rate(evidence: Evidence) -> str:
    """Return the asked rate as an option."""
    asked = evidence.asked_requests_per_s or evidence.planned.peak_requests_per_s
    return f"{asked:.6g}/s"


def _lengths(evidence: Evidence) -> tuple[str, ...]:
    """Return the lengths as options."""
    planned = evidence.planned
    return ("--input", str(planned.input_tokens), "--output", str(planned.output_tokens))


class Sla:
    """Whether errors of memory break a promise at this number of requests."""

    id: ClassVar[str] = "INFO-SLA"
    topic: ClassVar[Topic] = "information"

    def check(self, evidence: Evidence) -> Outcome:
        """Return the command that computes it."""
        rig = evidence.planned.rig
        daily = evidence.planned.peak_requests_per_s * _DAY_S
        command = ["rightrig", "risk", "bits", rig, "--requests-per-day", f"{daily:.0f}", "--sla"]
        return Outcome(
            "information",
            f"{daily:,.0f} requests a day at the peak; how the rig fails, and who should avoid it, "
            f"says 'rightrig risk rig {shlex.quote(rig)}'",
            "with your own promise",
            shlex.join([*command, "99.9%"]),
        )


class Growth:
    """When more replicas or more cards are needed as traffic grows."""

    id: ClassVar[str] = "INFO-GROWTH"
    topic: ClassVar[Topic] = "information"

    def check(self, evidence: Evidence) -> Outcome:
        """Return the command that computes it."""
        model = evidence.planned.model
        limits = [
            word
            for o in evidence.planned.slo.objectives()
            for word in (f"--{o.metric}-p{o.percentile}", f"{o.limit_s:g}s")
        ]
        command = ["rightrig", "plan", model, "--rate", _rate(evidence), *_lengths(evidence),
                   *limits, *_one_gpu(evidence), "--growth", "10%/month"]  # fmt: skip
        return Outcome(
            "information", "the answer is a date for each step", "with your own growth",
            shlex.join(command),
        )  # fmt: skip


def _one_gpu(evidence: Evidence) -> tuple[str, ...]:
    """Return the card as an option, where the rig is of one kind that plans know."""
    deployment = evidence.deployment
    if deployment is None or not deployment.rig.is_uniform or deployment.rig.groups[0].mig:
        return ()
    slug = deployment.rig.gpu.slug
    return () if slug.startswith("this-") else ("--gpu", slug)


class Ownership:
    """What all of it costs: training, opportunity and operation too."""

    id: ClassVar[str] = "INFO-TCO"
    topic: ClassVar[Topic] = "information"

    def check(self, evidence: Evidence) -> Outcome:
        """Return the command that computes it."""
        command = ["rightrig", "cost", "own", evidence.planned.rig, "--years", "3"]
        return Outcome(
            "information",
            "rent is not the whole bill; lines of yours go in by --staff, --support and --with "
            "training=AMOUNT, what abandoned requests lose by --abandoned",
            "with your own years",
            shlex.join(command),
        )


ITEMS: Final = (Telemetry(), LockedIn(), Sla(), Growth(), Ownership())
