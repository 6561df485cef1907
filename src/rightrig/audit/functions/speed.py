"""Speed of a model on a rig, by the names of both: bounds of the datasheet, and predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.amounts import Amount, amount_of, bounded
from rightrig.audit.functions.models import deployment_of, token_weight_bytes
from rightrig.audit.units import parse_unit
from rightrig.deployment.rig import parse_rig
from rightrig.prediction import kernels
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.roofline import decode_bound_tokens_per_s
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.interval import Interval
    from rightrig.prediction.predict import Prediction

_PER_S: Final = parse_unit("tok/s")
_MOST: Final = 100_000_000
"""Tokens of a prompt or an answer, and users."""
_MOST_CARDS: Final = 100_000


def at_most(value: Amount) -> Amount:
    """Return a value as a bound that no machine passes: beyond it a claim is impossible."""
    return bounded(value, "most")


def at_least(value: Amount) -> Amount:
    """Return a value as a bound that no machine goes below."""
    return bounded(value, "least")


def decode_roof(setting: Setting, model: str, card: str, weights: str, cards: int = 1) -> Amount:
    """Return the tokens/s that one sequence gets at most: bandwidth over the weights of a token.

    Experts that a token leaves out and the embeddings of other tokens are not read; without
    drafts.
    """
    check_count(cards, name="cards", limit=_MOST_CARDS)
    rate = setting.catalog.gpu(card).memory_bandwidth_bytes_per_s * cards
    size = token_weight_bytes(setting, model, weights)
    return bounded(amount_of(decode_bound_tokens_per_s(size, rate), _PER_S), "most")


def predicted_tokens_per_s(
    setting: Setting, model: str, rig: str, input_tokens: int, output_tokens: int, users: int = 1,
    weights: str = "", runtime: str = "",
) -> Interval:  # fmt: skip
    """Return the output tokens/s of all users together."""
    found = _predicted(setting, model, rig, (input_tokens, output_tokens, users), weights, runtime)
    return found.output_tokens_per_s


def predicted_tpot_s(
    setting: Setting, model: str, rig: str, input_tokens: int, output_tokens: int, users: int = 1,
    weights: str = "", runtime: str = "",
) -> Interval:  # fmt: skip
    """Return the time of an output token after the first."""
    found = _predicted(setting, model, rig, (input_tokens, output_tokens, users), weights, runtime)
    return found.tpot_s


def _predicted(
    setting: Setting, model: str, rig: str, load: tuple[int, int, int], weights: str, runtime: str
) -> Prediction:
    """Return the prediction for prompt, answer and users."""
    for name, count in zip(("input_tokens", "output_tokens", "users"), load, strict=True):
        check_count(count, name=name, limit=_MOST)
    deployment = deployment_of(setting, model, rig, weights, "", runtime)
    return predict(deployment, Lengths(load[0], load[1]), load[2])


def allreduce_s(setting: Setting, rig: str, message_bytes: float, ranks: int) -> Interval:
    """Return the time of an all-reduce of a message over the cards of a rig."""
    return kernels.allreduce_s(parse_rig(rig, setting.catalog), message_bytes, ranks)


def gemm_s(setting: Setting, card: str, rows: int, columns: int, inner: int) -> Interval:
    """Return the time of a matrix product with 16-bit operands on a card."""
    return kernels.gemm_s(setting.catalog.gpu(card), rows, columns, inner)


BOUNDS: Final = (at_most, at_least)
SPEED: Final = (
    decode_roof, predicted_tokens_per_s, predicted_tpot_s, allreduce_s, gemm_s,
)  # fmt: skip
