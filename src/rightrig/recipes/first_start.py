"""The first start of an engine: what its log should say, and what to change where it does not come.

Lines of logs: vLLM 0.33.0 ``vllm/v1/worker/gpu_worker.py`` and ``vllm/v1/core/kv_cache_utils.py``,
SGLang 0.5.23 ``sglang/srt/managers/scheduler.py``, llama.cpp build 11434
``src/llama-context.cpp`` and ``src/llama-kv-cache.cpp``.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.prediction.cache_room import pools, printed_tokens
from rightrig.prediction.memory_fit import fit
from rightrig.quantities import GIB, show_gib
from rightrig.recipes.environment import is_without_peers
from rightrig.recipes.launch import LEADER, RANK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.deployment import EngineLimits
    from rightrig.interval import Interval
    from rightrig.prediction.memory_fit import CardFit
    from rightrig.recipes.launch import Flag, Launch
    from rightrig.recipes.serving import Serving

_STEP_RATIO: Final = 0.02
"""Of the memory fraction: what one tries first."""
_RATIO_FLAGS: Final = {
    "vllm": "--gpu-memory-utilization", "sglang": "--mem-fraction-static",
    "tensorrt-llm": "--kv_cache_free_gpu_memory_fraction",
    "lmdeploy": "--cache-max-entry-count",
}  # fmt: skip
_OF_FREE: Final = ("tensorrt-llm", "lmdeploy")
"""Engines whose fraction is one of what is free when the weights are there."""
_STEP_FLAGS: Final = {
    "vllm": "--max-num-batched-tokens", "sglang": "--chunked-prefill-size",
    "tensorrt-llm": "--max_num_tokens", "lmdeploy": "--max-prefill-token-num",
    "llama.cpp": "--ubatch-size",
}  # fmt: skip
_SEQS_FLAGS: Final = {
    "vllm": "--max-num-seqs", "sglang": "--max-running-requests",
    "tensorrt-llm": "--max_batch_size", "lmdeploy": "--max-batch-size",
}  # fmt: skip
_CONTEXT_FLAGS: Final = {
    "vllm": "--max-model-len", "sglang": "--context-length", "tensorrt-llm": "--max_seq_len",
    "lmdeploy": "--session-len", "llama.cpp": "--ctx-size", "ollama": "OLLAMA_CONTEXT_LENGTH",
}  # fmt: skip


_RANK: Final = "MACHINE"
_LEADER: Final = "ADDRESS_OF_MACHINE_0"
_LESS_ROOM: Final = "less: another program holds memory, or the engine needs more than predicted"
_NO_ROOM: Final = "no room for the cache, or out of memory at the first requests"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of an engine's log, and what it should say.

    Attributes:
        text: As the engine writes it, the figure left out.
        expected: The figure, with its interval where it has one.
        otherwise: What another figure means.
    """

    text: str
    expected: str
    otherwise: str


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to change where an engine does not start."""

    when: str
    change: str
    effect: str


def command_text(serving: Serving, launch: Launch) -> str:
    """Return the command with its variables, as one types it into a shell.

    Where an engine spans machines, the words that differ between them are ``MACHINE`` (from 0) and
    ``ADDRESS_OF_MACHINE_0``.
    """
    variables = (f"export {one.name}={_shell_value(one.value)}" for one in launch.environment)
    if serving.engine_nodes == 1:
        return "\n".join([*variables, launch.text])
    command = " \\\n  ".join([launch.text, *map(flag_text, launch.node_flags)])
    workers = " ".join(map(flag_text, launch.worker_flags))
    others = [f"# On machines 1, 2 …, add {workers}"] if workers else []
    return "\n".join([*variables, *others, command])


def flag_text(flag: Flag) -> str:
    """Return an option as it is typed."""
    words = (word.replace(RANK, _RANK).replace(LEADER, _LEADER) for word in flag.words)
    return shlex.join(words)


def _shell_value(value: str) -> str:
    """Return a value as a shell takes it; one that the reader fills in is a variable already."""
    return value if value.startswith("${") else shlex.quote(value)


def log_lines(serving: Serving) -> tuple[LogLine, ...]:
    """Return lines of the first start to compare; none of engines whose log was not read."""
    slug = serving.runtime.slug
    if slug == "vllm":
        return _vllm_lines(serving)
    if slug == "sglang":
        tokens = _tokens_text(printed_tokens(serving.deployment, serving.context_tokens))
        return (LogLine("max_total_num_tokens=…", tokens, _LESS_ROOM),)
    if slug == "llama.cpp":
        context = -(-serving.context_tokens // 256) * 256
        lost = "the context was divided among more slots than planned"
        return (LogLine("n_ctx_seq = …", f"{context:,} or more", lost),)
    return ()


def remedies(serving: Serving, launch: Launch) -> tuple[Remedy, ...]:
    """Return what to change, the mildest first."""
    return (*_memory_remedies(serving), *_path_remedies(serving), *_access(launch))


def _vllm_lines(serving: Serving) -> tuple[LogLine, ...]:
    """Return vLLM's lines.

    Since 0.22 its tokens are sequences of the longest length that fit, times that length: figures
    of older versions do not compare.
    """
    deployment = serving.deployment
    pool = min((pool for _, pool in pools(deployment)), key=lambda pool: pool.mid)
    tokens = printed_tokens(deployment, serving.context_tokens)
    held = tokens.scaled(1.0 / serving.context_tokens)
    most = f"{held.mid:.2f}x ({held.low:.2f} … {held.high:.2f})"
    return (
        LogLine(
            "Available KV cache memory: … GiB",
            f"{pool.mid / GIB:.1f} ({pool.low / GIB:.1f} … {pool.high / GIB:.1f})",
            _LESS_ROOM,
        ),
        LogLine("GPU KV cache size: … tokens", _tokens_text(tokens), _LESS_ROOM),
        LogLine(
            f"Maximum concurrency for {serving.context_tokens:,} tokens per request: …x",
            most,
            f"below {serving.engine_seqs:,}: that many sequences of full length wait or are "
            "computed again",
        ),
    )


def _tokens_text(tokens: Interval) -> str:
    """Return a number of tokens with its interval."""
    return f"{tokens.mid:,.0f} ({tokens.low:,.0f} … {tokens.high:,.0f})"


def _memory_remedies(serving: Serving) -> Iterator[Remedy]:
    """Yield what gives memory back, each with how much on a card."""
    slug, limits = serving.runtime.slug, serving.deployment.limits
    if slug in _RATIO_FLAGS and limits.memory_ratio > _STEP_RATIO:
        whole_bytes = serving.fit.binding.total_bytes.mid
        if slug in _OF_FREE:
            pool = min((pool for _, pool in pools(serving.deployment)), key=lambda pool: pool.mid)
            whole_bytes = pool.mid / limits.memory_ratio
        freed_bytes = _STEP_RATIO * whole_bytes
        yield Remedy(
            "out of memory while weights load or graphs are captured",
            f"{_RATIO_FLAGS[slug]} {limits.memory_ratio - _STEP_RATIO:.2f}",
            f"leaves {show_gib(freed_bytes)} more of each card outside the engine's share",
        )
    yield from _limit_remedies(serving)
    if slug in _CONTEXT_FLAGS:
        half = serving.context_tokens // 2
        slots = serving.engine_seqs if slug == "llama.cpp" else 1
        effect = f"a sequence then needs {_halved_text(serving, half)} less cache on a card"
        yield Remedy(_NO_ROOM, f"{_CONTEXT_FLAGS[slug]} {half * slots}", effect)


def _limit_remedies(serving: Serving) -> Iterator[Remedy]:
    """Yield smaller limits of a step, where they free something."""
    slug, limits = serving.runtime.slug, serving.deployment.limits
    half, seqs = limits.max_batched_tokens // 2, serving.engine_seqs
    changes = (
        (_STEP_FLAGS, half, replace(limits, max_batched_tokens=half), "long prompts take longer"),
        (_SEQS_FLAGS, seqs, replace(limits, max_seqs=seqs), "no promise is touched"),
    )
    for flags, count, changed, price in changes:
        is_less = (changed.max_batched_tokens, changed.max_seqs) < (
            limits.max_batched_tokens, limits.max_seqs,
        )  # fmt: skip
        if slug not in flags or not is_less:
            continue
        freed_bytes = _freed_bytes(serving, changed)
        if freed_bytes > 0.0:
            effect = f"frees {show_gib(freed_bytes)} a card; {price}"
            yield Remedy(_NO_ROOM, f"{flags[slug]} {count}", effect)


def _freed_bytes(serving: Serving, limits: EngineLimits) -> float:
    """Return what other limits free on the tightest card, cache aside."""
    changed = replace(serving.deployment, limits=limits)
    other = fit(changed, serving.context_tokens, serving.concurrency)
    before, after = serving.fit.binding, other.cards[serving.fit.binding.card]
    return _fixed_bytes(before) - _fixed_bytes(after)


def _fixed_bytes(card: CardFit) -> float:
    """Return what a card holds beside the cache."""
    return sum(part.size_bytes.mid for part in card.components if part.name != "kv")


def _halved_text(serving: Serving, context_tokens: int) -> str:
    """Return the cache that a shorter sequence saves on the tightest card."""
    other = fit(serving.deployment, context_tokens, serving.concurrency)
    card = serving.fit.binding
    return show_gib(card.kv_sequence_bytes - other.cards[card.card].kv_sequence_bytes)


def _path_remedies(serving: Serving) -> Iterator[Remedy]:
    """Yield what to do where cards do not find each other."""
    if serving.engine_cards == 1 or serving.runtime.slug in LAYERED:
        return
    yield Remedy(
        "it hangs after the workers have started",
        "NCCL_DEBUG=INFO, then NCCL_P2P_DISABLE=1",
        "the first says which way NCCL takes; where the second helps, peers are the cause: see "
        "topology.sh",
    )
    if is_without_peers(serving):
        yield Remedy(
            "NCCL says: peer access is not supported between these two devices",
            "NCCL_CUMEM_HOST_ENABLE=0",
            "or a newer driver: a fault of drivers on machines without NVLink (vLLM 0.33.0 "
            "docs/usage/troubleshooting.md, github.com/NVIDIA/nccl/issues/1838)",
        )


def _access(launch: Launch) -> Iterator[Remedy]:
    """Yield what to do where the port is taken."""
    yield Remedy(
        f"port {launch.port} is taken",
        "ss -ltnp",
        "says who listens; an engine that crashed may hold port and memory (nvidia-smi lists it)",
    )
