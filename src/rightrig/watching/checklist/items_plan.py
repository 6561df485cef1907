"""Items about the plan itself: what was promised, what is spare, what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.quantities import show_number, show_seconds, show_usd
from rightrig.watching.checklist.item import Outcome, Topic, failed, passed, unverified

if TYPE_CHECKING:
    from rightrig.watching.checklist.evidence import Evidence

LEAST_HEADROOM_RATIO: Final = 0.2
_ROUNDING_RATIO: Final = 1e-9


class Objectives:
    """Objectives of latency are set."""

    id: ClassVar[str] = "CHECK-SLO"
    topic: ClassVar[Topic] = "plan"

    def check(self, evidence: Evidence) -> Outcome:
        """Return which they are."""
        found = evidence.planned.slo.objectives()
        if found:
            told = (f"{o.metric} p{o.percentile} {show_seconds(o.limit_s)}" for o in found)
            return passed(f"the plan promises {', '.join(told)}")
        return failed(
            "the plan promises no latency, so that nothing can be broken and nothing alerted on",
            "plan again with objectives, such as --ttft-p99 2s --tpot-p99 50ms",
        )


class Headroom:
    """The deployment carries at least 20 % more than it is asked for."""

    id: ClassVar[str] = "CHECK-HEADROOM"
    topic: ClassVar[Topic] = "plan"

    def check(self, evidence: Evidence) -> Outcome:
        """Return how much is spare."""
        capacity, asked = evidence.planned.capacity_requests_per_s, evidence.asked_requests_per_s
        if capacity is None or not asked:
            return unverified(
                "the file says no capacity beside an asked rate",
                "name the JSON of 'rightrig plan': it has both",
            )
        spare = capacity.mid / asked - 1.0
        told = f"{show_number(capacity.mid)} requests/s of {show_number(asked)} asked: {spare:+.0%}"
        if spare >= LEAST_HEADROOM_RATIO - _ROUNDING_RATIO:
            return passed(told)
        return failed(told, "plan again with --headroom 0.3, or for more cards")


class Price:
    """What it costs is known, and fresh."""

    id: ClassVar[str] = "CHECK-PRICE"
    topic: ClassVar[Topic] = "plan"

    def check(self, evidence: Evidence) -> Outcome:
        """Return the price."""
        price = evidence.price
        if price is None:
            return failed(
                "neither the file nor the catalogue says what the machines cost",
                "name the JSON of a plan with rented machines, or add an offer to your catalogue",
            )
        told = f"{show_usd(price.rent_usd_per_hour)} an hour, {price.source}"
        if price.warning:
            found = told if price.warning in told else f"{told}: {price.warning}"
            return failed(found, "refresh prices, then plan again", "rightrig prices refresh")
        return passed(told)


class Pinned:
    """The version of the engine is pinned, and is the one that was tested."""

    id: ClassVar[str] = "CHECK-PINNED"
    topic: ClassVar[Topic] = "plan"

    def check(self, evidence: Evidence) -> Outcome:
        """Return which it is."""
        name, _, version = (evidence.planned.choices.runtime or "an engine").partition("@")
        tested = next((level.version for level in evidence.levels if level.version), "")
        here = _installed(evidence, name)
        if version:
            other = next((v for v in (here, tested) if v and _short(v) != _short(version)), "")
            if other:
                return failed(
                    f"the deployment names {name} {version}, and {other} was found",
                    f"install {name} {version}, or plan and test {other}",
                )
            return passed(f"the deployment names {name} {version}")
        if here:
            return failed(
                f"the deployment names {name} without a version; {here} is installed here",
                "write the version into what starts the engine, and test that one: 'rightrig "
                f"recipe' writes it; in a file of predict or simulate: --runtime {name}@{here}",
            )
        return unverified(
            f"the deployment names {name} without a version, and none is installed beside rightrig",
            "write the version into what starts the engine, such as the tag of its image; "
            "--runtime vllm@VERSION of predict and simulate names it in the file",
        )


def _installed(evidence: Evidence, name: str) -> str:
    """Return the version of an engine that is installed here; empty where none is seen."""
    probed = evidence.probed
    versions = {} if probed is None else dict(probed.reading.versions)
    return versions.get(name, "")


def _short(version: str) -> str:
    """Return a version without what its build adds.

    >>> _short("0.19.0+cu130")
    '0.19.0'
    """
    return version.partition("+")[0]


ITEMS: Final = (Objectives(), Headroom(), Price(), Pinned())
