"""From a planned deployment to what a machine at work should show: speed, memory, watts, links."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.rig_rent import cheapest_for
from rightrig.deployment.limits import LAYERED
from rightrig.errors import InputError
from rightrig.interval import Interval, sum_if_independent
from rightrig.measuring.load.readers_plan import read_plan
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import next_moments
from rightrig.quantities import HOURS_PER_MONTH, MIB
from rightrig.watching.expected import Expected, ExpectedCard, ExpectedRate
from rightrig.watching.shares import peak_users, share_of

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import CardGroup
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Fabric
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.prediction.memory_fit import CardFit, Fit
    from rightrig.prediction.predict import Prediction
    from rightrig.watching.shares import Share

_LINK_BYTES_PER_S: Final = {2: 25e9, 3: 25e9, 4: 25e9, 5: 50e9}
"""One direction of one NVLink by generation: NVIDIA's whitepapers on V100, A100, H100 and
Blackwell (150, 300, 450 and 900 GB/s over 6, 12, 18 and 18 links). Bridges of workstation cards
have slower links, so that their rate is no multiple of it."""
_SLOT: Final = re.compile(r"@pcie([3-6])x(1|2|4|8|16)\b", re.IGNORECASE)
_MOST_USERS: Final = 4_096
"""Of the curve; beyond, more users only wait."""
_SECONDS_PER_HOUR: Final = 3600.0


def expected_in(file: str, catalog: Catalog, engines_count: int = 1) -> Expected:
    """Return what the deployment that a file plans lets one expect.

    Args:
        file: JSON of ``rightrig plan``, ``predict`` or ``simulate``; ``plan.json#2`` is its second
            plan.
        catalog: As for :func:`expected_of`.
        engines_count: As for :func:`expected_of`.

    Raises:
        InputError: where the file holds no plan, or one that the catalogue does not know.
    """
    return expected_of(read_plan(file), catalog, engines_count)


def expected_of(planned: Planned, catalog: Catalog, engines_count: int = 1) -> Expected:
    """Return what a planned deployment lets one expect.

    Speed, cost and watts are those of the users that bring the planned peak (Little's law). They
    are ``None`` where the engine's speed is not modelled, and where some replicas only read
    prompts.

    Args:
        planned: As a file of ``rightrig plan``, ``predict`` or ``simulate`` says.
        catalog: For the model, the cards and, where the file names no rent, their offers.
        engines_count: Replicas that are watched together. Where the plan has them on rigs of
            their own, what is expected is of as many rigs; else of one.

    Raises:
        InputError: where the catalogue does not know the model or the rig.
    """
    share = share_of(planned, catalog)
    return expected_of_share(share, _rent_usd_per_hour(share, catalog), engines_count)


def expected_of_share(
    share: Share, rent_usd_per_hour: float | None, engines_count: int = 1
) -> Expected:
    """Return what the rigs of a share let one expect; see :func:`expected_of`.

    Args:
        share: One rig of a plan, and how many of them there are.
        rent_usd_per_hour: Of that rig; ``None`` where none is known.
        engines_count: Replicas that are watched together.
    """
    planned, deployment, room = share.planned, share.deployment, _room(share)
    speed = _speed(share, room)
    rate = None if speed is None else speed.output_tokens_per_s
    full = room if speed is None else speed.fit
    memory = None if full is None else _memory(full)
    one = Expected(
        name=f"{planned.model} on {planned.rig}, {planned.choices.runtime}",
        model=planned.model,
        rig=planned.rig,
        runtime=deployment.runtime.slug,
        cards=expected_cards(deployment),
        peak_requests_per_s=planned.peak_requests_per_s / share.count,
        slo=planned.slo,
        capacity_requests_per_s=share.capacity_requests_per_s,
        cost_usd_per_hour=rent_usd_per_hour,
        output_tokens_per_s=rate,
        ttft_s=None if speed is None else speed.ttft_s,
        tpot_s=None if speed is None else speed.tpot_s,
        cost_usd_per_output_token=_cost_usd_per_output_token(rent_usd_per_hour, rate),
        draw_w=None if speed is None else _draw_w(speed),
        memory_used_bytes=None if memory is None else memory.used_bytes,
        kv_capacity_tokens=None if memory is None else memory.kv_tokens,
        concurrent_count=None if room is None else float(room.max_concurrency),
        rates=() if speed is None else _rates(speed),
        machines_count=deployment.rig.nodes_count,
    )
    return one if share.count == 1 else _part(one, share, engines_count)


def _part(one: Expected, share: Share, engines_count: int) -> Expected:
    """Return what to expect of those rigs of a plan that are watched, from that of one.

    Args:
        one: Of one rig.
        share: What it carries.
        engines_count: Replicas that are watched together.
    """
    replicas = share.deployment.parallelism.replicas
    count = min(max(engines_count // replicas, 1), share.count)

    numbers = {
        name: value * count
        for name in ("cost_usd_per_hour", "kv_capacity_tokens", "concurrent_count")
        if (value := getattr(one, name)) is not None
    }
    intervals = {
        name: value.scaled(count)
        for name in ("capacity_requests_per_s", "output_tokens_per_s")
        if (value := getattr(one, name)) is not None
    }
    return replace(
        one,
        **numbers,
        **intervals,
        name=f"{one.name}, {'one' if count == 1 else count} of {share.count}",
        peak_requests_per_s=one.peak_requests_per_s * count,
        rates=tuple(
            replace(
                rate,
                users_count=rate.users_count * count,
                output_tokens_per_s=rate.output_tokens_per_s.scaled(count),
            )
            for rate in one.rates
        ),
        machines_count=one.machines_count * count,
    )


def _rent_usd_per_hour(share: Share, catalog: Catalog) -> float | None:
    """Return what one rig costs: as the plan says, else the cheapest offer."""
    if share.planned.cost_usd_per_hour is not None:
        return share.planned.cost_usd_per_hour / share.count
    found = cheapest_for(catalog.prices(), share.deployment)
    return None if found is None else found.rent_usd_per_month / HOURS_PER_MONTH


def _cost_usd_per_output_token(
    rent_usd_per_hour: float | None, rate_tokens_per_s: Interval | None
) -> Interval | None:
    """Return the rent of one output token; ``None`` where one of both is not known."""
    if rent_usd_per_hour is None or rate_tokens_per_s is None:
        return None
    return rate_tokens_per_s.reciprocal().scaled(rent_usd_per_hour / _SECONDS_PER_HOUR)


def _room(share: Share) -> Fit | None:
    """Return the fit of one sequence of the planned length; ``None`` where it is not modelled."""
    tokens = int(share.lengths.input_tokens + share.lengths.output_tokens)
    try:
        return fit(share.deployment, tokens, 1)
    except InputError:
        return None


def _speed(share: Share, room: Fit | None) -> Prediction | None:
    """Return what is predicted at the planned peak; ``None`` where no speed is modelled."""
    users = None if room is None else peak_users(share, room)
    return None if users is None else predict(share.deployment, share.lengths, users)


def _draw_w(speed: Prediction) -> Interval | None:
    """Return what one card draws under load."""
    watts = speed.power_w
    return None if watts is None else watts.scaled(1.0 / speed.deployment.rig.cards_count)


def _read_bytes_per_output_token(speed: Prediction) -> float:
    """Return the memory traffic of one output token over all cards.

    Of the steps from one token of a sequence to its next, prompts of others among them, over the
    sequences that get a token; each rank of a tensor-parallel group moves as much.
    """
    lengths = speed.lengths
    timer = timer_for(speed.deployment, lengths)
    busy_engines = min(float(speed.deployment.parallelism.replicas), speed.running_seqs)
    engine_seqs = speed.running_seqs / busy_engines
    moments = next_moments(timer.pace, engine_seqs, max(engine_seqs - 1.0, 0.0), lengths)
    moved_bytes = sum(
        float(moment.weight_ratio)
        * sum(float(one.moved_bytes) for one in timer.operators(moment.step))
        for moment in moments
    )
    tokens = float(moments[0].step.decode_seqs) * lengths.accepted_count
    return moved_bytes * float(timer.shard.tp) / tokens


def _rates(speed: Prediction) -> tuple[ExpectedRate, ...]:
    """Return the predicted output at 1, 2, 4 … users, up to what memory holds."""
    most = min(max(speed.fit.max_concurrency, 1), _MOST_USERS)
    users = sorted({*(2**power for power in range(most.bit_length())), most})
    found = (predict(speed.deployment, speed.lengths, count) for count in users)
    return tuple(
        ExpectedRate(one.concurrency, one.output_tokens_per_s, _read_bytes_per_output_token(one))
        for one in found
    )


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the fullest card holds, and what the caches of all engines hold."""

    used_bytes: Interval
    kv_tokens: float | None


def _memory(room: Fit) -> _Memory:
    """Return the memory of a deployment at work.

    Engines that page take their whole share at start, whatever is asked of them; the others make
    the caches of their slots at start.
    """
    is_layered = room.deployment.runtime.slug in LAYERED
    used = [_used_bytes(card, is_layered=is_layered) for card in room.cards]
    return _Memory(
        used_bytes=max(used, key=lambda one: one.mid),
        kv_tokens=float(room.concurrency * room.context_tokens)
        if is_layered
        else _pool_tokens(room),
    )


def _pool_tokens(room: Fit) -> float | None:
    """Return the tokens that all pools of pages hold; ``None`` where a card has none."""
    held = [tokens for card in room.cards if (tokens := _kv_tokens(card, room)) is not None]
    whole = len(held) == len(room.cards)
    return min(held) * room.deployment.parallelism.engine_seqs_groups if whole else None


def _used_bytes(card: CardFit, *, is_layered: bool) -> Interval:
    """Return what an engine takes of one card."""
    beside = [part.size_bytes for part in card.components if not part.is_budgeted]
    own = card.required_bytes if is_layered else card.budget_bytes
    return sum_if_independent((own, *beside))


def _kv_tokens(card: CardFit, room: Fit) -> float | None:
    """Return the tokens whose cache one card holds at the planned length of a sequence."""
    if card.kv_sequence_bytes <= 0.0:
        return None
    cached = sum(part.size_bytes.mid for part in card.components if part.name == "kv")
    room_bytes = max(card.free_bytes + cached, 0.0)
    return room_bytes / card.kv_sequence_bytes * room.context_tokens


def expected_cards(deployment: Deployment) -> tuple[ExpectedCard, ...]:
    """Return the kinds of cards of one machine."""
    rig = deployment.rig
    return tuple(_card(group, is_alone=rig.cards_per_node == 1) for group in rig.groups)


def _card(group: CardGroup, *, is_alone: bool) -> ExpectedCard:
    """Return one kind of cards."""
    gpu = group.gpu
    generation, lanes = _slot(group)
    printed_mib = gpu.memory_nvml_mib
    return ExpectedCard(
        slug=gpu.slug,
        name=gpu.name,
        count=group.count,
        links_count=None if is_alone or group.mig else _links_count(group, gpu.fabric),
        pcie_generation=generation,
        pcie_lanes=lanes,
        power_limit_w=group.card_power_w,
        memory_total_bytes=gpu.memory_bytes.mid if printed_mib is None else printed_mib * MIB,
        bandwidth_bytes_per_s=gpu.memory_bandwidth_bytes_per_s,
    )


def _slot(group: CardGroup) -> tuple[int | None, int | None]:
    """Return generation and lanes of the slot that the rig names, else of the card."""
    named = _SLOT.search(group.options)
    if named is not None:
        return int(named[1]), int(named[2])
    pcie = group.gpu.pcie
    return (None, None) if pcie is None else (pcie.generation, pcie.lanes)


def _links_count(group: CardGroup, fabric: Fabric | None) -> int | None:
    """Return how many NVLinks a card should have up: its rate over that of one link.

    A bridge may be there or not: only a rig that names it is expected to have it.
    """
    if fabric is None or fabric.kind != "nvlink" or fabric.generation is None:
        return None
    if fabric.topology == "bridge" and not group.bridged:
        return None
    link_bytes_per_s = _LINK_BYTES_PER_S.get(fabric.generation)
    if link_bytes_per_s is None:
        return None
    links = fabric.bytes_per_s / link_bytes_per_s
    return int(links) if links.is_integer() else None
