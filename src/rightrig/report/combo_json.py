"""A combo as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.deployment.compatibility_matrix import Asked
from rightrig.report.combo_upkeep import upkeep_json
from rightrig.report.risk import rig_json
from rightrig.report.runtimes import support_json
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.planning.combos.combo import Combo
    from rightrig.planning.combos.models import Coverage
    from rightrig.planning.combos.rivals import Rival
    from rightrig.planning.combos.speed import SplitSpeed
    from rightrig.report.schema.rigs import (
        ComboJson,
        ComboRivalJson,
        CoverageJson,
        PooledMemoryJson,
        RankJson,
        SplitSpeedJson,
        StreamsJson,
        TopologyJson,
    )


def combo_json(found: Combo) -> ComboJson:
    """Return everything that is known of a rig as JSON."""
    return {
        "rig": found.rig.text,
        "memory": _memory_json(found),
        "topology": _topology_json(found),
        "runtimes": support_json(Asked(found.rig), found.support)["runtimes"],
        "splits": [_split_json(one) for one in found.own.speeds.splits],
        "flags": list(found.flags),
        "models": {
            "fitting": [model.llm.name for model in found.models],
            "models_count": found.models_count,
            "largest_dense_params": dict(found.largest_params_count),
        },
        "classes": [_class_json(one) for one in found.coverage],
        "long_sequence": {
            "model": found.long.llm.name,
            "context_tokens": found.long.context_tokens,
            "sequence_bytes": found.long.sequence_bytes,
            "held_count": found.long.held_count,
        },
        "streams": _streams_json(found),
        "ranks": _ranks_json(found),
        "best_at": list(found.best),
        "bad_at": list(found.bad),
        "avoid": [{"rule": one.rule_id, "reason": one.reason} for one in found.avoid],
        "own": _rival_json(found.own),
        "same_rent": [_rival_json(one) for one in found.same_rent],
        "same_memory": [_rival_json(one) for one in found.same_memory],
        **upkeep_json(found.upkeep),
        "risk": rig_json(found.risk),
        "explanation": explanation_json(found.explain()),
    }


def _streams_json(found: Combo) -> list[StreamsJson]:
    """Return how fast streams decode."""
    return [
        {
            "context_tokens": one.context_tokens,
            "streams_count": one.streams_count,
            "user_tokens_per_s": interval_json(one.tokens_per_s),
            "quick_count": one.quick_count,
            "held_count": one.held_count,
        }
        for one in found.streams
    ]


def _ranks_json(found: Combo) -> list[RankJson]:
    """Return the places among rigs of as many cards."""
    return [
        {
            "name": one.name, "place": one.place, "of_count": one.of_count,
            "value": one.value_text, "best": one.best,
        }
        for one in found.ranks
    ]  # fmt: skip


def _memory_json(found: Combo) -> PooledMemoryJson:
    """Return the memory."""
    memory = found.memory
    return {
        "effective_bytes": memory.effective_bytes,
        "effective_marketed_bytes": memory.effective_marketed_bytes,
        "visible_bytes": memory.visible_bytes,
        "marketed_bytes": memory.marketed_bytes,
        "equal_shares_bytes": memory.equal_shares_bytes,
        "memory_ratio": memory.memory_ratio,
        "overhead_bytes": memory.overhead_bytes,
        "cards": [
            {
                "gpu": card.gpu,
                "count": card.count,
                "marketed_bytes": card.marketed_bytes,
                "visible_bytes": interval_json(card.visible_bytes),
                "bandwidth_bytes_per_s": card.bandwidth_bytes_per_s,
                "layer_ratio": card.layer_ratio,
                "sweep_ratio": card.sweep_ratio,
            }
            for card in memory.cards
        ],
    }


def _topology_json(found: Combo) -> TopologyJson:
    """Return the links; pairs once each."""
    topology = found.topology
    alone = len(topology.cards) == 1
    return {
        "kind": topology.all_cards.kind,
        "bytes_per_s": None if alone else topology.all_cards.bytes_per_s,
        "peer_to_peer": topology.peer_to_peer,
        "network_bytes_per_s": None
        if topology.between_nodes is None
        else topology.between_nodes.bytes_per_s,
        "pairs": [
            {"cards": [one, two], "kind": link.kind, "bytes_per_s": link.bytes_per_s}
            for (one, two), link in topology.pairs.items()
            if one < two
        ]
        if not topology.is_even
        else [],
        "pair_bytes_per_s": None if alone else topology.slowest.bytes_per_s,
    }


def _split_json(one: SplitSpeed) -> SplitSpeedJson:
    """Return one split."""
    return {
        "split": one.split.text,
        "runtime": one.runtime,
        "weights": one.weights,
        "verdict": one.verdict,
        "tpot_s": None if one.tpot_s is None else interval_json(one.tpot_s),
        "output_tokens_per_s": None
        if one.tokens_per_s is None
        else interval_json(one.tokens_per_s),
        "users_count": one.users_count,
        "evidence": one.evidence,
        "reason": one.reason,
    }


def _class_json(one: Coverage) -> CoverageJson:
    """Return one class."""
    return {
        "class": one.of.name,
        "covered": one.word,
        "held": [model.llm.name for model in one.held],
        "models_count": one.models_count,
        "example": one.example.llm.name,
        "example_verdict": one.example.verdict,
    }


def _rival_json(one: Rival) -> ComboRivalJson:
    """Return one rig with its price, memory and speed."""
    price = one.purchase.price if one.purchase else None
    return {
        "rig": one.rig.text,
        "model": one.speeds.llm.name,
        "effective_bytes": one.effective_bytes,
        "peak_format": one.peak_format,
        "peak_flop_per_s": one.peak_flop_per_s,
        "tpot_s": one.tpot_s if one.tokens_per_s else None,
        "output_tokens_per_s": one.tokens_per_s or None,
        "output_tokens_per_usd": one.tokens_per_usd,
        "rent_usd_per_month": one.rent_usd_per_month,
        "provider": None if price is None else price.provider,
        "price_date": None if price is None else price.date,
        "price_source": None if price is None else price.source,
    }
