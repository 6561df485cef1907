"""Memory of a model on a rig, by the names of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.audit.reads import Watched
from rightrig.deployment.compatibility import broken
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.quantization import KV_BITS
from rightrig.prediction import memory_fit
from rightrig.prediction.least_time import need_of
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import check_count
from rightrig.work import kv_cache
from rightrig.work import weights as weights_of
from rightrig.work.stored import Stored

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.deployment.deployment import Deployment
    from rightrig.interval import Interval
    from rightrig.prediction.memory_fit import Fit

_MOST: Final = 100_000_000
"""Tokens of a context, and sequences."""


def params_count(setting: Setting, model: str) -> float:
    """Return the parameters of a model, counted from its layers."""
    return float(weights_of.total_params_count(setting.catalog.llm(model)))


def active_params_count(setting: Setting, model: str) -> float:
    """Return the parameters that one token uses."""
    return float(weights_of.active_params_count(setting.catalog.llm(model)))


def weight_bytes(setting: Setting, model: str, weights: str = "bf16") -> float:
    """Return the bytes of a model's weights in a format."""
    return float(weights_of.weight_bytes(setting.catalog.llm(model), weights))


def token_weight_bytes(setting: Setting, model: str, weights: str = "bf16") -> float:
    """Return the bytes of the weights that one token reads: its experts, no table of embeddings."""
    llm = setting.catalog.llm(model)
    stored = Stored(weights_of.class_bits(llm, weights), KV_BITS["bf16"])
    return need_of(llm, stored, Lengths(1, 1)).weight_bytes


def kv_bytes(
    setting: Setting, model: str, context_tokens: int, seqs: int = 1, kv: str = "bf16"
) -> float:
    """Return the bytes of the cache of some sequences of a length, without any rounding."""
    check_load(context_tokens, seqs)
    blocks = setting.catalog.llm(model).block_counts
    return seqs * kv_cache.sequence_kv_bytes(blocks, context_tokens, _kv_bits(kv))


def check_load(context_tokens: int, seqs: int) -> None:
    """Refuse no tokens and no sequence."""
    check_count(context_tokens, name="context_tokens", limit=_MOST)
    check_count(seqs, name="seqs", limit=_MOST)


def _kv_bits(name: str) -> float:
    """Return the bits of an element of a cache."""
    if name not in KV_BITS:
        raise InputError(
            f"{name[:24]!r} is no format of a cache; write one of {', '.join(KV_BITS)}"
        )
    return KV_BITS[name]


def deployment_of(
    setting: Setting, model: str, rig: str, weights: str = "", kv: str = "", runtime: str = ""
) -> Deployment:
    """Return the deployment of a model on a rig; what is empty takes its usual value.

    Raises:
        InputError: for one whose rules do not hold.
    """
    catalog = setting.catalog
    choices = Choices(runtime=runtime or None, weights=weights or None, kv=kv or None)
    llm, cards = catalog.llm(model), parse_rig(rig, catalog)
    before = catalog.runtimes_seen() if isinstance(catalog, Watched) else {}
    found = propose(catalog, llm, cards, choices)
    if isinstance(catalog, Watched):
        catalog.chose_runtime(found.runtime.slug, before)
    return found


def fit_of(deployment: Deployment, context_tokens: int, seqs: int) -> Fit:
    """Return the fit of a deployment whose rules hold.

    Raises:
        InputError: where one does not, and for no tokens or no sequence.
    """
    check_load(context_tokens, seqs)
    if reasons := broken(deployment):
        raise InputError(reasons[0].reason)
    return memory_fit.fit(deployment, context_tokens, seqs)


def fits(
    setting: Setting, model: str, rig: str, context_tokens: int, seqs: int = 1, weights: str = "",
    kv: str = "", runtime: str = "",
) -> bool:  # fmt: skip
    """Return whether a model fits a rig with some sequences of a length; tight counts as yes.

    Raises:
        InputError: for what the engine refuses, such as a format or a split.
    """
    deployment = deployment_of(setting, model, rig, weights, kv, runtime)
    return fit_of(deployment, context_tokens, seqs).verdict != "no"


def most_seqs_count(
    setting: Setting, model: str, rig: str, context_tokens: int, weights: str = "", kv: str = "",
    runtime: str = "",
) -> float:  # fmt: skip
    """Return how many sequences of a length a rig holds at once."""
    deployment = deployment_of(setting, model, rig, weights, kv, runtime)
    return float(fit_of(deployment, context_tokens, 1).max_concurrency)


def card_need_bytes(
    setting: Setting, model: str, rig: str, context_tokens: int, seqs: int = 1, weights: str = "",
    kv: str = "", runtime: str = "",
) -> Interval:  # fmt: skip
    """Return what the fullest card of a rig needs."""
    deployment = deployment_of(setting, model, rig, weights, kv, runtime)
    return fit_of(deployment, context_tokens, seqs).binding.required_bytes


MODELS: Final = (
    params_count, active_params_count, weight_bytes, token_weight_bytes, kv_bytes, fits,
    most_seqs_count, card_need_bytes,
)  # fmt: skip
