"""One rig of a plan: what it is made of, and what it carries of the planned peak."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.models import find_llm
from rightrig.facts.reach import is_confined
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import at_rate

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.prediction.memory_fit import Fit


@dataclass(frozen=True, slots=True)
class Share:
    """What one rig carries of a plan that may name several equal ones.

    A plan names the rig of one machine, and replicas over all machines that it rents.

    Attributes:
        count: Equal rigs.
    """

    planned: Planned
    deployment: Deployment
    lengths: Lengths
    count: int

    @property
    def capacity_requests_per_s(self) -> Interval | None:
        """What the plan says that one rig carries."""
        whole = self.planned.capacity_requests_per_s
        return None if whole is None else whole.scaled(1.0 / self.count)


def share_of(planned: Planned, catalog: Catalog) -> Share:
    """Return one rig's share of a plan, proposed anew.

    Raises:
        InputError: where the catalogue does not know the model or the rig.
    """
    try:
        rig = parse_rig(planned.rig, catalog)
        choices = planned.choices
        count = _rigs_count(choices, rig)
        if count > 1:
            choices = replace(choices, replicas=(choices.replicas or 1) // count)
        deployment = propose(catalog, _llm(planned.model, catalog), rig, choices)
    except InputError as error:
        raise InputError(
            f"the plan's deployment cannot be made from this catalogue: {error}; name the "
            "catalogue that it was planned with (--catalog), or plan again"
        ) from error
    lengths = Lengths(float(planned.input_tokens), float(max(planned.output_tokens, 2)))
    return Share(planned, deployment, lengths, count)


def _rigs_count(choices: Choices, rig: Rig) -> int:
    """Return how many equal rigs the replicas of a plan need."""
    replicas = choices.replicas or 1
    engine_cards = (choices.tp or 1) * (choices.pp or 1) * (choices.attention_dp or 1)
    count, rest = divmod(replicas * engine_cards, rig.cards_count)
    return count if count > 1 and rest == 0 and replicas % count == 0 else 1


def _llm(model: str, catalog: Catalog) -> Llm:
    """Return the planned model; one of the hub is fetched, where that is allowed."""
    return find_llm(model, catalog, fetch=None if is_confined() else _fetch)


def _fetch(hub_id: str) -> Path:
    """Fetch a configuration; the room of networks is imported by those who need it."""
    from rightrig.fetching.hub import fetch_config  # noqa: PLC0415 - see above

    return fetch_config(hub_id)


def peak_users(share: Share, room: Fit) -> int | None:
    """Return the users that bring a rig its share of the planned peak (Little's law).

    ``None`` where no speed is modelled, where some replicas only read prompts, and where memory
    holds no sequence.

    Args:
        share: What the rig carries.
        room: The fit of one sequence of the planned length: memory bounds the users.
    """
    deployment, lengths = share.deployment, share.lengths
    if share.planned.prefill_replicas_count or room.max_concurrency < 1:
        return None
    try:
        predict(deployment, lengths, 1)
    except InputError:
        return None
    replicas = deployment.parallelism.replicas
    rate = share.planned.peak_requests_per_s / share.count / replicas
    timer = timer_for(deployment, lengths)
    flow = at_rate(timer, lengths, rate, room.max_concurrency / replicas)
    users = max(math.ceil(float(flow.running_seqs) * replicas), 1)
    return min(users, room.max_concurrency)
