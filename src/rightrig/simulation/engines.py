"""From a deployment to the engines that are simulated: how they schedule, what they hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.prediction.cache_room import pools
from rightrig.prediction.drafting import speculating, timer_for
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.network import SENDS_RATIO
from rightrig.prediction.paged_engines import PAGED
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.predict import refuse_unmodelled
from rightrig.prediction.regimes import Lengths
from rightrig.simulation.cluster import PrefixCache, Traits, Transfer

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.prediction.parameters import Engine
    from rightrig.prediction.step_time import StepTimer
    from rightrig.simulation.cluster import Order, Reserve, Speculation

_LEAST_ANSWER_TOKENS: Final = 2.0
_FIRST_WATERMARK_RATIO: Final = 0.01
_PREFIXES_SINCE: Final = (
    "vllm-1", "sglang", "sglang-0.4", "trtllm-1.0", "trtllm-1.1", "trtllm-1.2",
)  # fmt: skip
"""Eras that keep prefixes unless they are told not to."""


def lengths_of(
    input_tokens: float, output_tokens: float, speculation: Speculation | None
) -> Lengths:
    """Return mean lengths, with what drafting puts into a step."""
    lengths = Lengths(input_tokens, max(output_tokens, _LEAST_ANSWER_TOKENS))
    if speculation is None:
        return lengths
    return speculating(lengths, speculation.drafted_count, speculation.acceptance_ratio)


def timer_in(deployment: Deployment, lengths: Lengths) -> StepTimer:
    """Return the step timer of one engine; refuse what has no model of its speed."""
    refuse_unmodelled(deployment)
    return timer_for(deployment, lengths)


def drafting(traits: Traits, speculation: Speculation) -> Traits:
    """Return the traits of an engine that drafts: each sequence takes more tokens of a step."""
    rows = speculation.drafted_count + 1
    return replace(traits, speculation=speculation, seq_rows_count=rows)


def traits_of(deployment: Deployment, lengths: Lengths, unit_tokens: int = 0) -> Traits:
    """Return how one engine of a deployment schedules and how many blocks it has.

    Args:
        deployment: A deployment whose rules hold.
        lengths: Mean lengths of the requests.
        unit_tokens: Tokens of a block of a prefix that requests name; 0 when they name none.

    Raises:
        InputError: when no prompt of mean length fits.
    """
    runtime, limits = deployment.runtime, deployment.limits
    engine = engine_for(runtime, deployment.version)
    groups = deployment.parallelism.engine_seqs_groups // deployment.parallelism.replicas
    if runtime.slug not in PAGED:
        return _slots(deployment, lengths)
    block, blocks = _pool(deployment, lengths)
    if blocks * block < lengths.input_tokens + 1.0:
        raise InputError(
            f"{deployment.llm.name} leaves {blocks * block:,} tokens of cache on "
            f"{deployment.rig.text}, fewer than a prompt; 'rightrig fit' says what would help"
        )
    cache = None
    if unit_tokens and engine.era in _PREFIXES_SINCE and unit_tokens % block == 0:
        cache = PrefixCache(unit_tokens)
    order = _order(engine)
    return Traits(
        order=order,
        max_seqs=limits.max_seqs * groups,
        max_batched_tokens=limits.max_batched_tokens,
        reserve=_reserve(runtime.slug, order),
        blocks_count=blocks * groups,
        block_tokens=block,
        watermark_blocks=int(_FIRST_WATERMARK_RATIO * blocks) if engine.era == "vllm-0" else 0,
        prefix_cache=cache,
    )


def _order(engine: Engine) -> Order:
    """Return what an era puts into a step."""
    if engine.reads == "batch":
        return "static"
    return "chunked" if engine.mixes_prompts else "prefill-first"


def _reserve(runtime: str, order: Order) -> Reserve:
    """Return what a request needs to be admitted; TensorRT-LLM never evicts unless told to."""
    return "whole" if runtime == "tensorrt-llm" or order == "static" else "prompt"


def _pool(deployment: Deployment, lengths: Lengths) -> tuple[int, int]:
    """Return tokens of a block and blocks of one group's pool, as the least stage holds them.

    Caches that are not linear in tokens (windows, recurrent state) count at the mean length.
    """
    tokens = max(int(lengths.input_tokens + lengths.output_tokens), 1)
    found = [
        (share.block_tokens, pool.mid / share.cache_bytes(tokens, 1) * tokens)
        for share, pool in pools(deployment)
    ]
    block, room_tokens = min(found, key=lambda pair: pair[1])
    return block, int(room_tokens // block)


def _slots(deployment: Deployment, lengths: Lengths) -> Traits:
    """Return llama.cpp's slots: as many as its limit says, each with the context that fits."""
    limits = deployment.limits
    tokens = int(lengths.input_tokens + lengths.output_tokens)
    room = fit(deployment, tokens, limits.max_seqs * deployment.parallelism.replicas)
    if room.verdict not in {"fits", "tight"}:
        raise InputError(
            f"{limits.max_seqs} slots of {tokens:,} tokens do not fit {deployment.rig.text}; "
            "ask for fewer (--max-seqs), a smaller format or more cards"
        )
    return Traits(
        order="chunked",
        max_seqs=limits.max_seqs,
        max_batched_tokens=max(limits.max_batched_tokens, limits.max_seqs),
        reserve="none",
        slot_tokens=room.max_context_tokens,
    )


def transfer_of(deployment: Deployment, lengths: Lengths) -> Transfer:
    """Return the link over which one engine of a rig sends a cache to another.

    Every rank sends its own part; cards of one machine use its links, others the network.
    """
    cards = deployment.parallelism.engine_cards
    rig = deployment.rig
    reach = min(cards + 1, rig.cards_per_node * rig.nodes_count)
    link = rig.link(reach)
    tokens = max(int(lengths.input_tokens), 1)
    per_token_bytes = fit(deployment, tokens, 1).kv_sequence_bytes / tokens
    latency_s = 1e-4 if link.kind == "network" else 2e-5
    return Transfer(latency_s, per_token_bytes / cards / (SENDS_RATIO * link.bytes_per_s))
