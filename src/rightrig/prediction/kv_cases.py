"""Six known caches: ours by each engine's own rule, beside what other tools answer."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rightrig.prediction.engine_memory import DATA
from rightrig.quantities import MIB
from rightrig.work.kv_cache import paged_sequence_kv_bytes, sequence_kv_bytes
from rightrig.work.llama_cpp import layer_cache_bytes
from rightrig.work.llama_cpp_options import Options

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog

_STEP_TOKENS = 8192
_BITS = 16.0


@dataclass(frozen=True, slots=True)
class KvCase:
    """The cache of one sequence, by what is known of it and by ours; bytes.

    Attributes:
        label: A short name of the model.
        ideal_bytes: Every layer's kept values, by hand.
        llama_cpp_bytes: What llama.cpp printed; ``None`` where it was not asked.
        vllm_bytes: What vLLM's grouping sets aside, by hand.
        own_ideal_bytes, own_llama_cpp_bytes, own_vllm_bytes: The same by our functions.
    """

    label: str
    model: str
    context_tokens: int
    derivation: str
    ideal_bytes: float
    llama_cpp_bytes: float | None
    vllm_bytes: float
    own_ideal_bytes: float
    own_llama_cpp_bytes: float
    own_vllm_bytes: float


@dataclass(frozen=True, slots=True)
class KvTool:
    """What a tool answers for the six cases, over the truth; ``None`` where it has no answer."""

    name: str
    answers_ratio: tuple[float | None, ...]
    known: str


@functools.cache
def _data() -> dict[str, Any]:
    """Return ``data/kv_cases.toml``."""
    return tomllib.loads((DATA / "kv_cases.toml").read_text(encoding="utf-8"))


def kv_cases(catalog: Catalog) -> tuple[KvCase, ...]:
    """Return the six cases, ours computed now."""
    return tuple(_case(entry, catalog) for entry in _data()["case"])


def _case(entry: dict[str, Any], catalog: Catalog) -> KvCase:
    """Return one case."""
    llm, tokens = catalog.llm(entry["model"]), entry["context_tokens"]
    layers = llm.block_counts
    printed_mib = entry.get("llama_cpp_mib")
    return KvCase(
        label=entry["label"],
        model=llm.name,
        context_tokens=tokens,
        derivation=entry["ideal_derivation"],
        ideal_bytes=entry["ideal_bytes"],
        llama_cpp_bytes=None if printed_mib is None else printed_mib * MIB,
        vllm_bytes=entry["vllm_bytes"],
        own_ideal_bytes=sequence_kv_bytes(layers, tokens, _BITS),
        own_llama_cpp_bytes=sum(layer_cache_bytes(llm, Options(context_tokens=tokens))),
        own_vllm_bytes=paged_sequence_kv_bytes(layers, tokens, _BITS, 1, _STEP_TOKENS),
    )


def kv_tools() -> tuple[KvTool, ...]:
    """Return what other tools answer, as it was found in 2026."""
    return tuple(
        KvTool(e["name"], tuple(None if r < 0 else r for r in e["ratios"]), e["known"])
        for e in _data()["tool"]
    )
