"""Switching engines: which option means the same, and what differs.

Three engines take a fraction of memory and mean three things by it. vLLM: of the whole card, all
parts included (``vllm/config/cache.py``, 0.33.0). SGLang: what is free before loading, less that
fraction of it, stays free of weights and cache (``_profile_available_bytes`` in
``sglang/srt/mem_cache/kv_cache_configurator.py``, 0.5.23). TensorRT-LLM: of what is free once all
else is loaded (``KvCacheConfig.free_gpu_memory_fraction``, 1.2). llama.cpp takes none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import broken
from rightrig.deployment.limits import LAYERED
from rightrig.facts.catalog import shipped
from rightrig.prediction.cache_room import pool_bytes, pools
from rightrig.prediction.engine_memory import runtime_bytes
from rightrig.prediction.memory_fit import engine_of
from rightrig.prediction.paged_engines import paged_shares
from rightrig.quantities import show_gib
from rightrig.recipes.checkpoints import checkpoint_of
from rightrig.recipes.engines import sglang, tensorrt_llm, vllm
from rightrig.recipes.engines.paged import compute_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.runtime import Runtime
    from rightrig.interval import Interval
    from rightrig.prediction.engine_memory import CardShare
    from rightrig.recipes.serving import Serving

VLLM: Final = "vllm"
SGLANG: Final = "sglang"
TENSORRT_LLM: Final = "tensorrt-llm"
LLAMA_CPP: Final = "llama.cpp"
ENGINES: Final = (VLLM, SGLANG, TENSORRT_LLM, LLAMA_CPP)
"""Engines whose options are told, in the order of a table."""
_RATIO_OPTIONS: Final = {
    VLLM: "--gpu-memory-utilization",
    SGLANG: "--mem-fraction-static",
    TENSORRT_LLM: "--kv_cache_free_gpu_memory_fraction",
}
_REASONS: Final = {VLLM: vllm.reason, SGLANG: sglang.reason, TENSORRT_LLM: tensorrt_llm.reason}
_SAME_WEIGHTS: Final = {"f16": "fp16"}
"""What llama.cpp calls a format → what the others call it."""
_RATIO_DIGITS: Final = 4
_LEAST_RATIO: Final = 0.01
_MOST_FREE_RATIO: Final = 0.99
_SAME_RATIO: Final = 0.99
"""Share of the cache from which it counts as the same."""


@dataclass(frozen=True, slots=True)
class Translation:
    """One quantity in the words of each engine.

    Attributes:
        quantity: What is set: ``longest sequence``.
        meaning: What it is here, in a few words.
        words: Engine → option and value that mean the same here.
        note: What differs between the engines, in a sentence or two.
    """

    quantity: str
    meaning: str
    words: Mapping[str, str]
    note: str


@dataclass(frozen=True, slots=True)
class SameCache:
    """The memory fraction that gives another engine the same KV cache.

    Attributes:
        memory_ratio: What the other engine is told, as near as it can come.
        cache_bytes: The KV cache of a card that it then has.
        wanted_bytes: The KV cache of the same card in the engine that is switched from.
    """

    memory_ratio: float
    cache_bytes: float
    wanted_bytes: float

    @property
    def is_same(self) -> bool:
        """Whether the caches are of one size."""
        return self.cache_bytes >= _SAME_RATIO * self.wanted_bytes


def translated(serving: Serving) -> tuple[Translation, ...]:
    """Return what this serving's limits are called in vLLM, SGLang, TensorRT-LLM and llama.cpp."""
    return (
        _engine(serving),
        _longest(serving),
        _at_once(serving),
        _step(serving),
        _memory(serving),
        _cache_format(serving),
        _prefix(serving),
        _tensor(serving),
        _pipeline(serving),
    )


def in_engine(serving: Serving, other: Runtime) -> Deployment:
    """Return the same model, cards, split and formats in another engine that pages its cache.

    Sequences at once and the tokens of a step are carried over in each engine's own count.
    """
    own, groups = serving.deployment, serving.deployment.parallelism.attention_dp
    step = _group_step(own) * (groups if other.slug == SGLANG else 1)
    limits = replace(own.limits, max_seqs=_most_seqs(serving), max_batched_tokens=step)
    version = own.version if other.slug == own.runtime.slug else ""
    stored = own.precision.weights
    precision = replace(own.precision, weights=_SAME_WEIGHTS.get(stored, stored))
    return replace(own, runtime=other, version=version, limits=limits, precision=precision)


def same_cache(serving: Serving, other: Runtime) -> SameCache:
    """Return the fraction with which another engine has the same KV cache on a card.

    Of several cards the one with the least room counts.

    Args:
        serving: In any engine.
        other: One that pages its cache and can run it (``in_engine``, ``broken``).
    """
    stage, wanted_bytes = _own_cache(serving)
    share = paged_shares(engine_of(in_engine(serving, other)))[stage]
    rig = serving.deployment.rig
    total = min((group.gpu.memory_bytes for group in rig.groups), key=lambda size: size.mid)
    ratio = min(_wanted_ratio(share, total.mid, wanted_bytes), _most_ratio(share, total.mid))
    told = round(max(_LEAST_RATIO, ratio), _RATIO_DIGITS)
    return SameCache(told, pool_bytes(share, total, told).mid, wanted_bytes)


def _own_cache(serving: Serving) -> tuple[int, float]:
    """Return the stage whose cards have the least room, and the KV cache of one, in bytes."""
    if serving.runtime.slug in LAYERED:
        card = serving.fit.binding
        return card.card, sum(p.size_bytes.mid for p in card.components if p.name == "kv")
    known = pools(serving.deployment)
    stage = min(range(len(known)), key=lambda index: _room_tokens(*known[index]))
    return stage, known[stage][1].mid


def _most_seqs(serving: Serving) -> int:
    """Return the most sequences of one step; slots are as many as promised."""
    is_slotted = serving.runtime.slug in LAYERED
    return serving.engine_seqs if is_slotted else serving.deployment.limits.max_seqs


def _room_tokens(share: CardShare, cache_bytes: Interval) -> float:
    """Return the tokens that a pool holds, endless where layers keep nothing for them."""
    return cache_bytes.mid / share.kv_bytes_per_token if share.kv_bytes_per_token else float("inf")


def _wanted_ratio(share: CardShare, total_bytes: float, cache_bytes: float) -> float:
    """Return the fraction that leaves a cache of that size: the engine's rule, turned round."""
    fixed_bytes = share.fixed_bytes.mid
    if share.rule == "of-free":
        return cache_bytes / max(1.0, total_bytes - fixed_bytes)
    if share.rule == "static-share":
        own_bytes = runtime_bytes(share.fixed).mid
        return (cache_bytes + fixed_bytes - own_bytes) / (total_bytes - own_bytes)
    return (cache_bytes + fixed_bytes) / total_bytes


def _most_ratio(share: CardShare, total_bytes: float) -> float:
    """Return the largest fraction that leaves room for what is kept beside it."""
    room_bytes = total_bytes - share.outside_bytes.mid
    if share.rule == "of-free":
        return _MOST_FREE_RATIO
    if share.rule == "static-share":
        own_bytes = runtime_bytes(share.fixed).mid
        return (room_bytes - own_bytes) / (total_bytes - own_bytes)
    return room_bytes / total_bytes


def _group_step(deployment: Deployment) -> int:
    """Return the tokens of one step of one group of cards; SGLang counts those of all groups."""
    groups = deployment.parallelism.attention_dp if deployment.runtime.slug == SGLANG else 1
    return deployment.limits.max_batched_tokens // groups


def _refusals(serving: Serving) -> dict[str, str]:
    """Return engine → why it does not run this, for those that page their cache."""
    others = (slug for slug in _RATIO_OPTIONS if slug != serving.runtime.slug)
    found = {slug: _refusal(serving, slug) for slug in others}
    return {slug: text for slug, text in found.items() if text}


def _refusal(serving: Serving, slug: str) -> str | None:
    """Return why another engine does not run this: a rule, or what its recipe knows of it."""
    other = in_engine(serving, shipped().runtime(slug))
    bad = broken(other)
    if bad:
        return bad[0].reason
    is_own = serving.checkpoint == other.llm.name
    checkpoint = checkpoint_of(other)[0] if is_own else serving.checkpoint
    return _REASONS[slug](replace(serving, deployment=other, checkpoint=checkpoint))


def _engine(serving: Serving) -> Translation:
    """Whether each engine runs the same model in the same formats and split."""
    refused = _refusals(serving)
    words = {slug: f"no: {refused[slug]}" if slug in refused else "yes" for slug in _RATIO_OPTIONS}
    words[LLAMA_CPP] = "yes" if serving.runtime.slug == LLAMA_CPP else "from a GGUF file"
    note = "llama.cpp reads files of its own, so that weights must be converted first."
    return Translation("runs it", serving.deployment.parallelism.text, words, note)


def _longest(serving: Serving) -> Translation:
    """Longest prompt and answer together."""
    tokens, slots = serving.context_tokens, serving.engine_seqs
    words = {
        VLLM: f"--max-model-len {tokens}",
        SGLANG: f"--context-length {tokens}",
        TENSORRT_LLM: f"--max_seq_len {tokens}",
        LLAMA_CPP: f"--ctx-size {slots * tokens} --parallel {slots}",
    }
    note = (
        "llama.cpp divides its context among the slots: the option is slots times the longest "
        "sequence. The others give it to every sequence."
    )
    return Translation("longest sequence", f"{tokens:,} tokens", words, note)


def _at_once(serving: Serving) -> Translation:
    """Sequences that may run at once."""
    groups = serving.deployment.parallelism.attention_dp
    most = _most_seqs(serving)
    words = {
        VLLM: f"--max-num-seqs {most}",
        SGLANG: f"--max-running-requests {most * groups}",
        TENSORRT_LLM: f"--max_batch_size {most}",
        LLAMA_CPP: f"--parallel {serving.engine_seqs}",
    }
    note = (
        "A ceiling in the first three, which keep no cache for it: a full cache makes requests "
        "wait. llama.cpp keeps the cache of every slot from the start, so that it gets the "
        "promised number. SGLang counts all groups of attention together."
    )
    return Translation("sequences at once", f"{most:,} in one step", words, note)


def _step(serving: Serving) -> Translation:
    """Tokens of one step."""
    tokens = _group_step(serving.deployment)
    groups = serving.deployment.parallelism.attention_dp
    words = {
        VLLM: f"--max-num-batched-tokens {tokens}",
        SGLANG: f"--chunked-prefill-size {tokens * groups}",
        TENSORRT_LLM: f"--max_num_tokens {tokens}",
        LLAMA_CPP: f"--batch-size {tokens} --ubatch-size {tokens}",
    }
    note = (
        "vLLM and TensorRT-LLM count tokens of answers and of prompts in it, SGLang those of "
        "prompts alone, over all groups of attention. llama.cpp computes --ubatch-size at once."
    )
    return Translation("tokens of one step", f"{tokens:,} on a group of cards", words, note)


def _memory(serving: Serving) -> Translation:
    """Share of memory with which the KV cache has the same bytes."""
    words, short = {}, []
    refused, own = _refusals(serving), serving.deployment
    for slug, option in _RATIO_OPTIONS.items():
        if slug == own.runtime.slug:
            words[slug] = f"{option} {own.limits.memory_ratio:g}"
        elif slug in refused:
            words[slug] = "not computed: the engine does not run this as it is"
        else:
            found = same_cache(serving, shipped().runtime(slug))
            words[slug] = f"{option} {found.memory_ratio:g}"
            short += [] if found.is_same else [_short_text(slug, found)]
    words[LLAMA_CPP] = "none: takes what --ctx-size needs"
    note = (
        "vLLM takes the fraction of the whole card, and all must fit in it. SGLang takes it of "
        "what is free before loading, for weights and cache; activations and graphs need room "
        "beside. TensorRT-LLM takes it of what is free after loading, for the cache alone."
    )
    meaning = f"{show_gib(_own_cache(serving)[1])} of KV cache on a card"
    return Translation("share of memory", meaning, words, " ".join([note, *short]))


def _short_text(slug: str, found: SameCache) -> str:
    """Say how much of the cache is lost where no fraction gives as much."""
    lost = 1.0 - found.cache_bytes / found.wanted_bytes
    name = shipped().runtime(slug).name
    return f"{name} has room for {lost:.0%} less cache beside its own parts."


def _cache_format(serving: Serving) -> Translation:
    """Format of the KV cache."""
    kv, compute = serving.deployment.precision.kv, compute_word(serving)
    if kv in {"bf16", "fp16"}:
        words = {
            VLLM: f"--kv-cache-dtype {compute}",
            SGLANG: f"--kv-cache-dtype {'bfloat16' if compute == 'bfloat16' else 'auto'}",
            TENSORRT_LLM: "kv_cache_config: {dtype: auto}",
            LLAMA_CPP: _llama_cache("bf16" if kv == "bf16" else "f16"),
        }
        note = "All keep 16 bits a value; vLLM wants the type of the activations."
    elif kv == "fp8":
        words = {
            VLLM: "--kv-cache-dtype fp8",
            SGLANG: "--kv-cache-dtype fp8_e4m3",
            TENSORRT_LLM: "kv_cache_config: {dtype: fp8}",
            LLAMA_CPP: _llama_cache("q8_0"),
        }
        note = "llama.cpp has no FP8: Q8_0 is nearest, with 8.5 bits a value."
    else:
        words = dict.fromkeys(_RATIO_OPTIONS, f"none: keeps no cache in {kv.upper()}")
        words[LLAMA_CPP] = _llama_cache("f32" if kv == "fp32" else kv)
        note = "FP8 is the nearest of the others, with 8 bits a value."
    return Translation("KV cache format", kv.upper(), words, note)


def _llama_cache(name: str) -> str:
    """Return llama.cpp's options for the format of keys and of values."""
    return f"--cache-type-k {name} --cache-type-v {name}"


def _prefix(serving: Serving) -> Translation:
    """Whether prompts that begin alike share their cache."""
    on, shared = serving.prefix_cache, tensorrt_llm.reuses(serving)
    words = {
        VLLM: "--enable-prefix-caching" if on else "--no-enable-prefix-caching",
        SGLANG: "on unless --disable-radix-cache" if on else "--disable-radix-cache",
        TENSORRT_LLM: f"kv_cache_config: {{enable_block_reuse: {'true' if shared else 'false'}}}",
        LLAMA_CPP: "--cache-prompt" if on else "--no-cache-prompt",
    }
    note = (
        "vLLM and TensorRT-LLM share whole blocks between all sequences, SGLang single tokens. "
        "llama.cpp keeps the last prompt of each slot: a request profits in its own slot."
    )
    return Translation("prefix cache", "on" if on else "off", words, note)


def _tensor(serving: Serving) -> Translation:
    """Cards that divide every layer."""
    split = serving.deployment.parallelism
    tp, groups, ranks = split.tp, split.attention_dp, split.expert_ranks
    words = {
        VLLM: f"--tensor-parallel-size {tp}",
        SGLANG: f"--tp-size {ranks}",
        TENSORRT_LLM: f"--tp_size {ranks}",
        LLAMA_CPP: "none: --split-mode layer puts whole layers on cards",
    }
    if groups > 1:
        words[VLLM] += f" --data-parallel-size {groups}"
        words[SGLANG] += f" --attn-dp-size {groups}"
        words[TENSORRT_LLM] += " with enable_attention_dp: true"
    note = (
        "SGLang and TensorRT-LLM count the groups that attend to separate sequences among the "
        "tensor ranks; vLLM multiplies the two."
    )
    return Translation("tensor split", split.text, words, note)


def _pipeline(serving: Serving) -> Translation:
    """Stages of layers."""
    stages, cards = serving.deployment.parallelism.pp, serving.engine_cards
    words = {
        VLLM: f"--pipeline-parallel-size {stages}",
        SGLANG: f"--pp-size {stages}",
        TENSORRT_LLM: f"--pp_size {stages}",
        LLAMA_CPP: "--split-mode layer" if cards > 1 else "--split-mode none",
    }
    note = (
        "llama.cpp puts layers on all cards by their memory. Its cards work one after another on "
        "a sequence, as stages do."
    )
    return Translation(
        "pipeline", "one stage" if stages == 1 else f"{stages} stages of layers", words, note
    )
