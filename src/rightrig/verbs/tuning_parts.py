"""What ``tune`` makes of its words before anything runs: traffic, deployments, prices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.verbs.deploying import records_of
from rightrig.verbs.requesting import Words, check_words, traffic_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.demand.requests import Requests
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.measuring.tune.settings import Setting
    from rightrig.prediction.regimes import Lengths
    from rightrig.report.simulated import Traffic
    from rightrig.simulation.cluster import Speculation

__all__ = ["Choices", "Subject", "Words", "price_usd_per_hour", "subject_of", "traffic_by_number"]
_LIVE_REQUESTS: Final = 200
_SIMULATED_REQUESTS: Final = 1_000
_UNKNOWN_CONTEXT_TOKENS: Final = 1_000_000
"""Where no model is named, sessions are not compacted before the server's own limit."""
_OF_SETTINGS: Final = {"weights": ("weights",), "kv": ("kv", "kv_dtype")}


@dataclass(frozen=True, slots=True)
class Subject:
    """What serves, as the model of rightrig computes it.

    Attributes:
        deploy: Makes the deployment of a setting.
        baseline: That of the baseline.
        acceptance_ratio: Share of drafted tokens that are accepted.
    """

    deploy: Callable[[Setting], Deployment]
    baseline: Deployment
    acceptance_ratio: float | None

    def speculation(self, setting: Setting) -> Speculation | None:
        """Return what a setting drafts; ``None`` for nothing."""
        from rightrig.measuring.tune.deployments import count_of
        from rightrig.simulation.cluster import Speculation

        drafted = count_of("spec_tokens", dict(setting.pairs).get("spec_tokens", "0"))
        if not drafted:
            return None
        return Speculation(drafted, self.acceptance_ratio or 0.0)

    def lengths(self, setting: Setting, requests: Requests) -> Lengths:
        """Return mean lengths of requests, with what a setting drafts."""
        from rightrig.simulation.engines import lengths_of

        means = float(requests.input_tokens.mean()), float(requests.output_tokens.mean())
        return lengths_of(*means, self.speculation(setting))

    @property
    def records(self) -> tuple[Record, ...]:
        """The records that it rests on."""
        return records_of(self.baseline)


def subject_of(
    catalog: Catalog,
    named: tuple[str | None, str | None],
    fixed: Choices,
    baseline: Setting,
    acceptance_ratio: float | None,
) -> Subject | None:
    """Return what serves; ``None`` where no model and rig are named.

    Raises:
        InputError: for one without the other, or a baseline that cannot be deployed.
    """
    from rightrig.deployment.rig import parse_rig
    from rightrig.measuring.tune.deployments import deployer
    from rightrig.verbs.naming import model_named

    model, on = named
    if model is None and on is None:
        return None
    if model is None or on is None:
        raise InputError("a prediction needs both: which MODEL, and --on which rig")
    _check_once(fixed, baseline)
    drafts = "spec_tokens" in baseline.names
    if drafts and not (acceptance_ratio is not None and 0.0 < acceptance_ratio < 1.0):
        raise InputError(
            "spec_tokens needs --acceptance, the share of drafted tokens that are accepted, "
            "such as 0.7"
        )
    deploy = deployer(catalog, model_named(model, catalog), parse_rig(on, catalog), fixed)
    return Subject(deploy, deploy(baseline), acceptance_ratio)


def _check_once(fixed: Choices, baseline: Setting) -> None:
    """Refuse what an option and the baseline both say."""
    for field, names in _OF_SETTINGS.items():
        twice = next((name for name in names if name in baseline.names), None)
        if twice is not None and getattr(fixed, field) is not None:
            raise InputError(f"--{field} and {twice} in --baseline say the same; drop --{field}")


def traffic_by_number(
    words: Words, subject: Subject | None, *, simulates: bool
) -> Callable[[int], Traffic]:
    """Return what draws the traffic of a run: the same for all settings, new for each number.

    Raises:
        InputError: when the options do not go together.
    """
    check_words(words, finds_limit=False)
    usual = _SIMULATED_REQUESTS if simulates else _LIVE_REQUESTS
    count = words.requests or (None if words.trace is not None else usual)
    most = subject.baseline.llm.max_context_tokens if subject else _UNKNOWN_CONTEXT_TOKENS

    @lru_cache(maxsize=16)
    def drawn(number: int) -> Traffic:
        seeded = replace(words, seed=words.seed + number, requests=count)
        return traffic_of(seeded, most, finds_limit=False)

    return drawn


def price_usd_per_hour(
    catalog: Catalog, subject: Subject | None, price: str | None
) -> float | None:
    """Return the rent in $ an hour, as said or as the cheapest offer; ``None`` where not known."""
    from rightrig.verbs.renting import rent_of, said_usd_per_hour

    if subject is not None:
        rent = rent_of(catalog, subject.baseline, price)
        return None if rent is None else rent.rent_usd_per_hour
    return None if price is None else said_usd_per_hour(price)
