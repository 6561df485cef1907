"""Items about the machine: whether it is the one planned, sound, and of software that agrees."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.measuring.probe.wording import cards_text
from rightrig.watching.checklist.item import (
    MOST_AGE_DAYS,
    Outcome,
    Topic,
    failed,
    passed,
    unverified,
)
from rightrig.watching.likeness import is_same_model

if TYPE_CHECKING:
    from rightrig.deployment.rig import CardGroup
    from rightrig.measuring.probe.naming import Known
    from rightrig.measuring.probe.probed import Probed
    from rightrig.watching.checklist.evidence import Evidence

_ELSEWHERE: Final = "run the checklist on the machine that serves"
_SOFTWARE: Final = frozenset(
    {"PROBE-DRIVER-CARD", "PROBE-DRIVER-TORCH", "PROBE-TORCH-CARD", "PROBE-ENGINE", "PROBE-NCCL"}
)
_OTHER_TORCH: Final = "PROBE-TORCH-CPU"
LINKS: Final = frozenset(
    {"PROBE-PCIE-LANES", "PROBE-PCIE-SLOW", "PROBE-P2P", "PROBE-NVLINK", "PROBE-FABRIC"}
)
_UNNAMED: Final = "unnamed"
_POWER_RATIO: Final = 0.02
"""Drivers round limits to whole watts."""


def _cards_here(evidence: Evidence) -> Probed | None:
    """Return the probed machine where it has cards, lost ones too."""
    probed = evidence.probed
    return probed if probed is not None and probed.knowns else None


def _unseen(evidence: Evidence) -> Outcome:
    """Return that there is no card to look at here, or that the driver does not answer."""
    troubles = () if evidence.probed is None else evidence.probed.reading.troubles
    if troubles:
        return failed(troubles[0], "see the runbook", "rightrig watch runbook driver-crash")
    return unverified("this machine has no card", _ELSEWHERE)


class Cards:
    """The machine has the cards of the plan, and all of them answer."""

    id: ClassVar[str] = "CHECK-CARDS"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return which there are."""
        probed, deployment = _cards_here(evidence), evidence.deployment
        if probed is None:
            return _unseen(evidence)
        lost = [one.card.index for one in probed.knowns if one.card.lost]
        if lost:
            return failed(
                f"{cards_text(lost)} does not answer", "see the runbook",
                "rightrig watch runbook gpu-lost",
            )  # fmt: skip
        if deployment is None:
            return unverified(evidence.why_none, "name a plan of rigs that the catalogue knows")
        wanted = _wanted(deployment.rig.groups)
        here = _here(probed)
        if wanted == here:
            return passed(f"{_counted(here)}, as planned")
        return failed(
            f"{_counted(here)} here, and the plan is of {_counted(wanted)}",
            "plan for the machine that you have, or have the provider give the planned one",
            "rightrig probe",
        )


def _wanted(groups: tuple[CardGroup, ...]) -> Counter[str]:
    """Return how many whole cards of which kind a rig has; of partitioned ones, the kind alone."""
    found: Counter[str] = Counter()
    for group in groups:
        slug = group.gpu.slug.partition("@")[0]
        found[slug] += -(-group.count // group.mig_most_count) if group.mig else group.count
    return found


def _here(probed: Probed) -> Counter[str]:
    """Return how many cards of which kind there are; a card without a record by its name."""
    found: Counter[str] = Counter()
    for one in probed.read:
        found[_base(one)] += 1
    return found


def _base(one: Known) -> str:
    """Return what a card is called."""
    return one.gpu.slug.removeprefix("this-") if one.gpu else one.card.name


def _counted(cards: Counter[str]) -> str:
    """Return cards in rig notation."""
    return "+".join(f"{count}x{name}" for name, count in sorted(cards.items())) or "no card"


class Partition:
    """Cards are partitioned (MIG) as planned."""

    id: ClassVar[str] = "CHECK-MIG"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return how they are."""
        probed, deployment = _cards_here(evidence), evidence.deployment
        if probed is None:
            return _unseen(evidence)
        if deployment is None:
            return unverified(evidence.why_none, "name a plan of rigs that the catalogue knows")
        wanted = Counter({g.mig: g.count for g in deployment.rig.groups if g.mig})
        here = Counter(
            part.profile or _UNNAMED
            for one in probed.read if one.card.mig for part in one.card.instances
        )  # fmt: skip
        bare = [one.card.index for one in probed.read if one.card.mig and not one.card.instances]
        told = _counted(here) if here else "no card is partitioned"
        # Older drivers do not name profiles: then their number has to do.
        is_same = here.total() == wanted.total() if _UNNAMED in here else here == wanted
        if is_same and not bare:
            return passed(f"{told}, as planned")
        if bare:
            told = f"{cards_text(bare)} has MIG on and no instance"
        return failed(
            f"{told}; the plan is of {_counted(wanted) if wanted else 'whole cards'}",
            "partition as planned", "rightrig watch runbook mig-misconfigured",
        )  # fmt: skip


class Limits:
    """Power limits are those of the plan."""

    id: ClassVar[str] = "CHECK-POWER"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return what they are."""
        probed, deployment = _cards_here(evidence), evidence.deployment
        if probed is None:
            return _unseen(evidence)
        if deployment is None:
            return unverified(evidence.why_none, "name a plan of rigs that the catalogue knows")
        planned_w = {g.gpu.slug: g.card_power_w for g in deployment.rig.groups if not g.mig}
        wrong, seen = [], 0
        for one in probed.read:
            set_w, wanted_w = one.card.power.set_w, planned_w.get(_base(one))
            if set_w is None or wanted_w is None:
                continue
            seen += 1
            if abs(set_w - wanted_w) > _POWER_RATIO * wanted_w:
                wrong.append(f"card {one.card.index} {set_w:.0f} W of {wanted_w:.0f} W")
        if wrong:
            return failed(
                f"{'; '.join(wrong[:8])} planned",
                "set the limit (nvidia-smi -pl WATTS), or write it into the plan's rig, as "
                "1xrtx-3090@220w",
            )
        if not seen:
            return unverified("no planned card says its power limit here", _ELSEWHERE)
        return passed(f"{seen} card{'' if seen == 1 else 's'} at the planned limit")


class Software:
    """Driver, CUDA and engine go together with the cards."""

    id: ClassVar[str] = "CHECK-VERSIONS"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return which do not."""
        probed = _cards_here(evidence)
        if probed is None:
            return _unseen(evidence)
        broken = [
            one for one in evidence.findings
            if one.rule_id in _SOFTWARE and one.severity != "note"
        ]  # fmt: skip
        if broken:
            return failed("; ".join(o.sentence for o in broken), broken[0].remedy, "rightrig probe")
        if any(one.rule_id == _OTHER_TORCH for one in evidence.findings):
            return unverified(
                "the PyTorch beside rightrig is built for processors, so that the engine has one "
                "of its own, which was not seen",
                "run the checklist with the Python of the engine",
            )
        versions = probed.reading.versions
        if "driver" not in versions:
            return unverified("no driver says its version", "pip install 'rightrig[nvidia]'")
        told = ", ".join(
            f"{name} {versions[name]}" for name in ("driver", "cuda", "torch") if name in versions
        )
        return passed(f"{told}: recent enough for the cards, and for one another")


class Faults:
    """A probe of the machine finds no fault."""

    id: ClassVar[str] = "CHECK-PROBE"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return which it finds, but those that other items tell."""
        if _cards_here(evidence) is None:
            return _unseen(evidence)
        faults = [
            one for one in evidence.findings
            if one.severity == "fault" and one.rule_id not in _SOFTWARE | LINKS
        ]  # fmt: skip
        if faults:
            return failed("; ".join(o.sentence for o in faults), faults[0].remedy, "rightrig probe")
        warnings = sum(one.severity == "warning" for one in evidence.findings)
        return passed(f"no fault, {warnings} warning{'' if warnings == 1 else 's'}")


class Bench:
    """The machine was benched within 30 days, and is as quick as its datasheet and its past."""

    id: ClassVar[str] = "CHECK-BENCH"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return the verdict."""
        bench = evidence.bench
        if bench is None:
            why = evidence.store_trouble or "no bench of this machine is kept"
            return unverified(why, "bench it", "rightrig bench")
        age = evidence.age_days(bench.day)
        told = f"run {bench.run_id} of {bench.day}: {bench.verdict.word}, {bench.verdict.why}"
        if bench.verdict.word == "degraded":
            return failed(told, "find the cause, then bench again", "rightrig bench")
        if age > MOST_AGE_DAYS:
            return failed(f"{told}; it is {age} days old", "bench again", "rightrig bench")
        if bench.verdict.word == "not judged":
            return unverified(told, "bench all blocks", "rightrig bench")
        return passed(told)


class Engine:
    """The engine answers, and serves the planned model."""

    id: ClassVar[str] = "CHECK-ENGINE"
    topic: ClassVar[Topic] = "machine"

    def check(self, evidence: Evidence) -> Outcome:
        """Return what it serves."""
        engine, wanted = evidence.engine, evidence.planned.model
        if engine is None:
            return unverified("no engine was named", "name it with --url http://localhost:8000")
        if engine.trouble:
            return failed(f"{engine.url}: {engine.trouble}", _engine_remedy(engine.trouble))
        kind = engine.kind or "an engine"
        if not engine.model:
            return unverified(
                f"{kind} answers and does not name its model", "ask its /v1/models once"
            )
        if is_same_model(engine.model, wanted):
            return passed(f"{kind} serves {engine.model}")
        return failed(
            f"{kind} serves {engine.model}, and the plan is of {wanted}",
            "start it with the planned model, or with --served-model-name of the planned name",
        )


def _engine_remedy(trouble: str) -> str:
    """Return what helps against an engine that cannot be read."""
    if trouble.startswith("HTTP 404"):
        return (
            "start the engine with its metrics on (vLLM's are; --metrics of llama.cpp, "
            "--enable-metrics of SGLang)"
        )
    if trouble.startswith("TLS"):
        return "name it as it listens: http:// or https://, by the name of its certificate"
    return "start the engine, or name the address at which it listens"


ITEMS: Final = (Cards(), Partition(), Limits(), Software(), Faults(), Bench(), Engine())
