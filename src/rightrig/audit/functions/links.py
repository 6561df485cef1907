"""Links between cards, and what a model sends over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts import derivation
from rightrig.facts.reading import plain
from rightrig.quantities import check_count
from rightrig.work.operators import Shard, Step, all_reduce_message_bytes
from rightrig.work.step import step_operators
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting

_PAIR: Final = Shard(tp=2)
_KV_BITS: Final = 16.0
_MOST_TOKENS: Final = 100_000_000


def has_nvlink(setting: Setting, card: str) -> bool:
    """Return whether a card has NVLink to other cards, by a switch, a mesh or a bridge."""
    fabric = setting.catalog.gpu(card).fabric
    return fabric is not None and fabric.kind == "nvlink"


def card_link_bytes_per_s(setting: Setting, card: str) -> float:
    """Return what a card sends to others in one direction: its fabric, else PCIe."""
    found = derivation.link_bytes_per_s(setting.catalog.gpu(card))
    if found is None:
        raise InputError(f"the record of {plain(card, 40)} has no link; add pcie or fabric to it")
    return found


def is_later(setting: Setting, card: str, other: str) -> bool:
    """Return whether a card came out after another one."""
    dates = [setting.catalog.gpu(name).release_date for name in (card, other)]
    if dates[0] is None or dates[1] is None:
        raise InputError(f"the release of {plain(card, 40)} or {plain(other, 40)} is not recorded")
    return dates[0] > dates[1]


def message_bytes(setting: Setting, model: str, tokens: int) -> float:
    """Return one all-reduce of tensor parallelism for some tokens of a step, at 16 bits."""
    check_count(tokens, name="tokens", limit=_MOST_TOKENS)
    return float(all_reduce_message_bytes(float(tokens), setting.catalog.llm(model).hidden_size))


def all_reduces_per_layer_count(setting: Setting, model: str) -> float:
    """Return the all-reduces of a forward pass with tensor parallelism, over the layers."""
    llm = setting.catalog.llm(model)
    stored = Stored(class_bits(llm, "bf16"), _KV_BITS)
    every = step_operators(llm, stored, Step(1.0, 1.0), _PAIR)
    launches = sum(float(one.launches_count) for one in every if one.kind == "all_reduce")
    return launches / llm.layer_count


LINK_FACTS: Final = (has_nvlink, card_link_bytes_per_s, is_later)
LINKS: Final = (message_bytes, all_reduces_per_layer_count)
