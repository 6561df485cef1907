"""Budgets of memory: what weights leave free, and how many sequences, weights or cards that means.

``fits`` and ``most_seqs_count`` answer for an engine; these answer for a bare budget too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.audit.functions.models import (
    check_load,
    deployment_of,
    fit_of,
    kv_bytes,
    weight_bytes,
)
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.quantization import GGML_BITS, weight_format
from rightrig.quantities import check_positive

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.interval import Interval

_MOST_PARAMS_COUNT: Final = 1e15
_MOST_BYTES: Final = 1e18
_MOST_CARDS: Final = 16
_CACHE_PARTS: Final = frozenset(("kv", "steps_ahead"))
_BYTE_BITS: Final = 8.0


def stored_bytes(params_count: float, weights: str) -> float:
    """Return the bytes of a number of weights in a format, all of them in it, scales included.

    For a size that no model is named for; ``weight_bytes`` knows what a checkpoint keeps at 16
    bits.

    >>> stored_bytes(34e9, "fp8") / 1e9
    34.0
    """
    check_positive(params_count, name="params_count", limit=_MOST_PARAMS_COUNT)
    return params_count * _bits(weights) / _BYTE_BITS


def _bits(weights: str) -> float:
    """Return the bits of a weight in a format, or in a block type of ggml."""
    try:
        return weight_format(weights).bits_per_weight
    except UnknownNameError:
        if weights.upper() in GGML_BITS:
            return GGML_BITS[weights.upper()]
        raise


def most_params_count(setting: Setting, card: str, weights: str) -> float:
    """Return how many weights of a format a card holds with nothing beside them."""
    return setting.catalog.gpu(card).memory_bytes.mid * _BYTE_BITS / _bits(weights)


def memory_left_bytes(setting: Setting, model: str, card: str, weights: str) -> Interval:
    """Return what a model's weights leave of the memory that a card shows; below 0: none.

    Nothing is taken off for the engine.
    """
    size = weight_bytes(setting, model, weights)
    return setting.catalog.gpu(card).memory_bytes.map(lambda whole: whole - size)


def cache_room_bytes(
    setting: Setting, model: str, rig: str, weights: str = "", runtime: str = ""
) -> float:
    """Return what an engine leaves of its fullest card for the cache, beside all that it keeps.

    Below 0 the weights do not fit.
    """
    deployment = deployment_of(setting, model, rig, weights, "", runtime)
    card = fit_of(deployment, 1, 1).binding
    cached = sum(p.size_bytes.mid for p in card.components if p.name in _CACHE_PARTS)
    return card.free_bytes + cached


def seqs_in_budget_count(
    setting: Setting, model: str, budget_bytes: float, context_tokens: int, kv: str = "bf16"
) -> float:
    """Return how many whole sequences of a length a budget of cache holds, whoever set it aside."""
    check_positive(budget_bytes, name="budget_bytes", limit=_MOST_BYTES)
    return float(math.floor(budget_bytes / kv_bytes(setting, model, context_tokens, 1, kv)))


def least_tp_cards_count(
    setting: Setting, model: str, card: str, context_tokens: int, seqs: int = 1, weights: str = ""
) -> float:
    """Return the fewest cards that hold a model split inside its layers (tensor parallelism).

    Counts by which its heads do not divide are no split.

    Raises:
        InputError: where 16 cards are too few.
    """
    catalog = setting.catalog
    check_load(context_tokens, seqs)
    llm, slug = catalog.llm(model), catalog.gpu(card).slug
    for count in range(1, _MOST_CARDS + 1):
        choices = Choices(weights=weights or None, tp=count)
        try:
            deployment = propose(catalog, llm, parse_rig(f"{count}x{slug}", catalog), choices)
        except InputError:
            continue
        if fit_of(deployment, context_tokens, seqs).verdict != "no":
            return float(count)
    raise InputError(f"{_MOST_CARDS} cards of {slug} do not hold {llm.slug}")


BUDGETS: Final = (
    stored_bytes, most_params_count, memory_left_bytes, cache_room_bytes, seqs_in_budget_count,
    least_tp_cards_count,
)  # fmt: skip
