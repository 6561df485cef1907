"""Commands of every model of the catalogue, and of every way to split, store and draft."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from servings import serving

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.recipes.engines import sglang, vllm
from rightrig.recipes.proving.flags import table_of
from rightrig.recipes.serving import Speculation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Flag, Launch
    from rightrig.recipes.proving.flags import Option
    from rightrig.recipes.serving import Serving

ENGINES: Final = {"vllm": vllm, "sglang": sglang}
RIGS: Final = (
    "1xrtx-4090", "1xh100-sxm", "2xh100-sxm", "4xh100-sxm", "8xh200-sxm", "8xb200", "2n:8xh200-sxm",
)  # fmt: skip
"""From small to large: each model is served on the first that holds it, and on the one after."""
SMALL: Final = "meta-llama/Llama-3.1-8B-Instruct"
LARGE: Final = "meta-llama/Llama-3.3-70B-Instruct"
EXPERTS: Final = "Qwen/Qwen3-235B-A22B-FP8"
LATENT: Final = "deepseek-ai/DeepSeek-V3"
_MTP: Final = {"speculation": Speculation(1, "mtp")}
_NGRAM: Final = {"speculation": Speculation(3, "ngram")}
_DRAFT: Final = {"speculation": Speculation(3, "draft", "meta-llama/Llama-3.2-1B-Instruct")}
WAYS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    (SMALL, "8xh100-sxm", {"tp": 1, "replicas": 8}),
    (SMALL, "2xa100-80gb-sxm", {"pp": 2}),
    (SMALL, "1xl4", {"weights": "fp8"}),
    (SMALL, "1xl4", {"weights": "awq"}),
    (SMALL, "1xl4", {"weights": "gptq"}),
    (SMALL, "1xh100-sxm", {"kv": "fp8"}),
    (SMALL, "1xh100-sxm", {"memory_ratio": 0.7, "max_seqs": 16, "max_batched_tokens": 4096}),
    (SMALL, "1xh100-sxm", {"lora_rank": 16, "loras": 4}),
    (SMALL, "1xh100-sxm", {"use": {"prefix_cache": False}}),
    (SMALL, "1xh100-sxm", {"use": {"checkpoint": "some-team/a-checkpoint"}}),
    (SMALL, "1xh100-sxm", {"use": _NGRAM}),
    (SMALL, "1xh100-sxm", {"draft": "meta-llama/Llama-3.2-1B-Instruct", "use": _DRAFT}),
    (SMALL, "1xmi300x", {}),
    (SMALL, "1xh100-sxm", {"context": 131_072, "concurrency": 1, "max_seqs": 1}),
    (LARGE, "4xh100-sxm", {"draft": "meta-llama/Llama-3.2-1B-Instruct", "use": _DRAFT}),
    (LARGE, "4xh100-sxm", {"tp": 2, "pp": 2}),
    (LARGE, "2n:4xh100-sxm", {"tp": 4, "pp": 2}),
    (LARGE, "4xh100-sxm", {"weights": "fp8", "kv": "fp8"}),
    (LARGE, "2xh100-sxm", {"weights": "awq"}),
    (EXPERTS, "8xh100-sxm", {"tp": 8, "expert_parallel": 8}),
    (EXPERTS, "8xh100-sxm", {"tp": 8, "context_parallel": 2, "expert_parallel": 8}),
    (EXPERTS, "8xh100-sxm", {"tp": 1, "attention_dp": 8, "expert_parallel": 8}),
    (EXPERTS, "8xh200-sxm", {"tp": 4, "attention_dp": 2, "expert_parallel": 8}),
    (EXPERTS, "2n:8xh100-sxm", {"tp": 8, "pp": 2, "expert_parallel": 8}),
    (EXPERTS, "2n:8xh100-sxm", {"tp": 1, "attention_dp": 16, "expert_parallel": 16}),
    (LATENT, "8xh200-sxm", {"tp": 8, "kv": "fp8"}),
    (LATENT, "8xh200-sxm", {"tp": 8, "draft": "mtp", "use": _MTP}),
    (LATENT, "8xh200-sxm", {"tp": 1, "attention_dp": 8, "expert_parallel": 8}),
    (LATENT, "8xh200-sxm", {"tp": 8, "context_parallel": 8}),
    ("openai/gpt-oss-120b", "2xh100-sxm", {"tp": 2, "expert_parallel": 2}),
    ("openai/gpt-oss-20b", "1xrtx-5090", {}),
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", "4xh100-sxm", {"draft": "mtp", "use": _MTP}),
    ("Qwen/Qwen3-Next-80B-A3B-Instruct", "4xh100-sxm", {"use": {"prefix_cache": False}}),
    ("nvidia/Nemotron-H-56B-Base-8K", "4xh100-sxm", {}),
)
"""Models, rigs and choices that bring out each kind of option."""


@cache
def launches(engine: str, step: int = 1) -> tuple[tuple[str, Launch], ...]:
    """Return commands of one engine, with what each is for; what it refuses is left out.

    Args:
        engine: ``vllm`` or ``sglang``.
        step: Of the catalogue's models, each so many-th.
    """
    made = ENGINES[engine]
    found = {**dict(_of_models(engine, step)), **dict(_of_ways(engine))}
    return tuple(
        (name, made.launch_of(one)) for name, one in found.items() if made.reason(one) is None
    )


def _of_models(engine: str, step: int) -> Iterator[tuple[str, Serving]]:
    """Yield each model on the two smallest rigs of ours that hold it."""
    for model in shipped().slugs("llms")[::step]:
        held = 0
        for rig in RIGS:
            one = _tried(model, rig, {"context": 4096, "runtime": engine})
            if one is not None and held < 2:
                held += 1
                yield f"{model} on {rig}", one


def _of_ways(engine: str) -> Iterator[tuple[str, Serving]]:
    """Yield what is listed above."""
    for model, rig, choices in WAYS:
        one = _tried(model, rig, {"runtime": engine, **choices})
        if one is not None:
            yield f"{model} on {rig}, {choices}", one


def _tried(model: str, rig: str, choices: dict[str, Any]) -> Serving | None:
    """Return a serving, or nothing where the rules forbid it or it does not fit."""
    try:
        found = serving(model, rig, **choices)
    except InputError:
        return None
    return None if found.fit.verdict == "no" else found


def mutants(launch: Launch) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what was made wrong, a name or a value, and the words of that command."""
    table = table_of(launch.engine)
    assert table is not None
    known = table.by_name
    for place, flag in enumerate(launch.flags):
        for what, words in _wrong(flag, known[flag.name]):
            before = (word for one in launch.flags[:place] for word in one.words)
            after = (word for one in launch.flags[place + 1 :] for word in one.words)
            yield what, (*launch.positional, *before, *words, *after)


def _wrong(flag: Flag, option: Option) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield wrong ways to write one option."""
    yield f"{flag.name}: renamed", (f"{flag.name}-x", *flag.words[1:])
    if flag.value is None:
        yield f"{flag.name}: value of a switch", (flag.name, "yes")
        return
    if option.values not in {"?", "*"}:
        yield f"{flag.name}: no value", (flag.name,)
    if option.choices or option.kind != "str":
        yield f"{flag.name}: wrong value", (flag.name, "wrong")
    if option.keys:
        yield f"{flag.name}: wrong key", (flag.name, '{"numb_speculative_tokens": 3}')
