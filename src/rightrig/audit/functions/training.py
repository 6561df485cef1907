"""What training keeps and sends, and what a split model sends for each token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import METHODS, Batch, TrainingJob, TrainingStates
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.planning.finetuning.remedies import BASES
from rightrig.prediction.gradient_sync import rig_sync_s
from rightrig.prediction.kernels import allreduce_s
from rightrig.prediction.training.states import whole_state_bytes
from rightrig.work.operators import Shard, Step, all_reduce_message_bytes
from rightrig.work.step import step_operators
from rightrig.work.stored import Stored
from rightrig.work.weights import class_bits, total_params_count

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.interval import Interval

_USUAL_BATCH: Final = Batch(2048)
_GRADIENT_BYTES: Final = 2.0
_KV_BITS: Final = 16.0


def training_state_bytes(setting: Setting, model: str, rig: str, method: str = "full") -> float:
    """Return weights, gradients and optimizer of a training: 16 bytes a trained weight with Adam.

    Once, over all cards of the rig; activations come on top. ``method`` is ``full``, ``lora`` or
    ``qlora``.

    Raises:
        InputError: for another method.
    """
    if method not in METHODS:
        raise InputError(f"{plain(method, 24)!r} is no method; write {', '.join(METHODS)}")
    catalog = setting.catalog
    states = TrainingStates(base=BASES[method])
    cards = parse_rig(rig, catalog)
    return whole_state_bytes(
        TrainingJob(catalog.llm(model), cards, method, _USUAL_BATCH, states=states)
    )


def gradient_bytes(setting: Setting, model: str) -> float:
    """Return the gradients of all weights of a model at 16 bits."""
    return _GRADIENT_BYTES * total_params_count(setting.catalog.llm(model))


def gradient_sync_s(setting: Setting, model: str, rig: str) -> Interval:
    """Return the time in which all cards of a rig add up the gradients of a model at 16 bits.

    Nothing of it is hidden behind the backward pass.
    """
    cards = parse_rig(rig, setting.catalog)
    return rig_sync_s(cards, gradient_bytes(setting, model), cards.cards_count)


def decode_sync_s(setting: Setting, model: str, rig: str) -> Interval:
    """Return what all-reduces take of one token, with a model's layers split over all cards."""
    llm, cards = setting.catalog.llm(model), parse_rig(rig, setting.catalog)
    ranks = cards.cards_count
    if ranks == 1:
        raise InputError(f"{plain(rig, 40)} has one card, and nothing to exchange")
    stored = Stored(class_bits(llm, "bf16"), _KV_BITS)
    every = step_operators(llm, stored, Step(1.0, 1.0), Shard(tp=ranks))
    launches = sum(float(one.launches_count) for one in every if one.kind == "all_reduce")
    message_bytes = float(all_reduce_message_bytes(1.0, llm.hidden_size))
    return allreduce_s(cards, message_bytes, ranks).scaled(launches)


TRAINING: Final = (training_state_bytes, gradient_bytes, gradient_sync_s, decode_sync_s)
