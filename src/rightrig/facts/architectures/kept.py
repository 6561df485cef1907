"""Which tensor classes a quantised checkpoint leaves at 16 bits, by its list of modules.

A class counts as left out only where all its modules are, in every layer; each list is
checked against the module names of a few layers from first to last.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.facts.architectures.common import Config
    from rightrig.facts.architectures.layers import Decoder
    from rightrig.facts.llm import Ffn, TensorClass

_GATED: Final = ("gate_proj", "up_proj", "down_proj")


def _below(parent: str, *children: str) -> tuple[str, ...]:
    return tuple(f"{parent}.{child}" for child in children)


# Each class with the ways in which families name its modules.
_MODULES: Final[dict[TensorClass, tuple[tuple[str, ...], ...]]] = {
    "attention": (
        _below("self_attn", "q_proj", "k_proj", "v_proj", "o_proj"),
        _below("self_attn", "qkv_proj", "o_proj"),
        _below("self_attn", "q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"),
        _below("linear_attn", "in_proj_qkv", "in_proj_z", "out_proj"),
        _below("linear_attn", "in_proj_qkvz", "out_proj"),
        _below("mixer", "q_proj", "k_proj", "v_proj", "o_proj"),
        _below("mixer", "in_proj", "out_proj"),
    ),
    "ffn": (
        _below("mlp", *_GATED),
        _below("mlp", "gate_up_proj", "down_proj"),
        _below("feed_forward", *_GATED),
        _below("mixer", "up_proj", "down_proj"),
    ),
    "expert": (
        _below("mlp.experts.0", *_GATED),
        _below("mlp.experts", "gate_up_proj", "down_proj"),
        _below("block_sparse_moe.experts.0", "w1", "w2", "w3"),
        _below("feed_forward.experts", "gate_up_proj", "down_proj"),
        _below("ffn.experts.0", "w1", "w2", "w3"),
        _below("mixer.experts.0", "up_proj", "down_proj"),
    ),
    "shared_expert": (
        _below("mlp.shared_experts", *_GATED),
        _below("mlp.shared_expert", *_GATED),
        _below("feed_forward.shared_expert", *_GATED),
        _below("block_sparse_moe.shared_experts", *_GATED),
        _below("mixer.shared_experts", "up_proj", "down_proj"),
    ),
    "router": (
        ("mlp.gate",),
        ("mlp.router",),
        ("block_sparse_moe.gate",),
        ("feed_forward.router",),
        ("mixer.gate",),
    ),
}
# Where a layer has a dense part and experts, neither lies within the other (Gemma 4).
_BESIDE_DENSE: Final[dict[TensorClass, tuple[tuple[str, ...], ...]]] = {
    "expert": (_below("experts", "gate_up_proj", "down_proj"),),
    "router": (("router.proj",),),
}
_OUTSIDE_LAYERS: Final[dict[TensorClass, str]] = {
    "embedding": "model.embed_tokens",
    "head": "lm_head",
}
_SAMPLED_LAYERS: Final = 6
_MOST_PATTERNS: Final = 2_000
_NUMBERED: Final = re.compile(r"(?:^|\.)layers\.(\d{1,6})(?=\.|$)")
# Regular expressions of this simple shape cannot take long, whoever wrote them.
_SAFE: Final = re.compile(r"(?:\\\.|\.\*|\\d\+|[\w.\-^$]|\([\w|]+\)){1,200}")
_MOST_REPEATS: Final = 4


@dataclass(frozen=True, slots=True)
class _Excluded:
    """A list of modules, split by how its entries match."""

    plain: frozenset[str]
    patterns: tuple[re.Pattern[str], ...]

    def covers(self, module: str) -> bool:
        """Whether an entry names the module, a part of its path, or a pattern of it."""
        parts = module.split(".")
        paths = (
            ".".join(parts[start:end])
            for start in range(len(parts))
            for end in range(start + 1, len(parts) + 1)
        )
        if not self.plain.isdisjoint(paths):
            return True
        return any(pattern.match(module) for pattern in self.patterns)


def excluded_classes(
    config: Config, modules: Sequence[str], decoder: Decoder
) -> frozenset[TensorClass]:
    """Return the classes that the list leaves out as a whole."""
    layers = _layers_of_classes(decoder)
    sampled = {layer for some in layers.values() for layer in some}
    excluded = _split(config, modules, sampled)
    found: set[TensorClass] = {
        kind for kind, module in _OUTSIDE_LAYERS.items() if excluded.covers(module)
    }
    beside = any(ffn.inner_size and ffn.expert_count for ffn in _ffns(decoder))
    modules_of = _MODULES | _BESIDE_DENSE if beside else _MODULES
    for kind, spellings in modules_of.items():
        # Layers of one class may be of several kinds, such as attention and its linear form.
        if layers[kind] and all(
            any(
                all(excluded.covers(f"model.layers.{layer}.{module}") for module in spelling)
                for spelling in spellings
            )
            for layer in layers[kind]
        ):
            found.add(kind)
    return frozenset(found)


def _ffns(decoder: Decoder) -> list[Ffn]:
    """Return the feed-forward part of each kind of layer that has one."""
    return [block.ffn for block in decoder.blocks if block.ffn is not None]


def _layers_of_classes(decoder: Decoder) -> dict[TensorClass, tuple[int, ...]]:
    """Return a few layers, first to last, that hold each class."""
    order = [decoder.blocks[index] for index, count in decoder.layout for _ in range(count)]
    ffns = [(layer, block.ffn) for layer, block in enumerate(order) if block.ffn is not None]
    sparse = _spread([layer for layer, ffn in ffns if ffn.expert_count])
    shared = _spread([layer for layer, ffn in ffns if ffn.shared_inner_size])
    return {
        "attention": _spread([i for i, b in enumerate(order) if b.attention or b.recurrent]),
        "ffn": _spread([layer for layer, ffn in ffns if ffn.inner_size]),
        "expert": sparse,
        "router": sparse,
        "shared_expert": shared,
    }


def _spread(layers: Sequence[int]) -> tuple[int, ...]:
    """Return at most six of the layers, evenly spread, first and last among them."""
    if len(layers) <= _SAMPLED_LAYERS:
        return tuple(layers)
    step = (len(layers) - 1) / (_SAMPLED_LAYERS - 1)
    return tuple(layers[round(place * step)] for place in range(_SAMPLED_LAYERS))


def _split(config: Config, modules: Iterable[str], sampled: set[int]) -> _Excluded:
    """Return the entries that can concern the sampled layers, ready to match."""
    plain: set[str] = set()
    patterns: set[str] = set()
    for module in modules:
        # Models with a vision tower prefix the same names.
        entry = module.replace("language_model.", "").replace("backbone.", "model.")
        number = _NUMBERED.search(entry)
        if number and int(number[1]) not in sampled:
            continue
        is_pattern = entry.startswith("re:") or "*" in entry
        (patterns if is_pattern else plain).add(entry)
    if len(patterns) > _MOST_PATTERNS:
        raise config.unsupported(
            f"{len(patterns):,} patterns of unquantised modules are more than {_MOST_PATTERNS:,}"
        )
    compiled = (re.compile(_expression(config, entry)) for entry in sorted(patterns))
    return _Excluded(frozenset(plain), tuple(compiled))


def _expression(config: Config, entry: str) -> str:
    """Return the regular expression of a pattern, which is one after ``re:`` or a glob."""
    if entry.startswith("re:"):
        return _safe_expression(config, entry.removeprefix("re:"))
    return f"(?:{fnmatch.translate(entry)}|{fnmatch.translate(entry + '.*')})"


def _safe_expression(config: Config, expression: str) -> str:
    """Return a regular expression that is known to finish soon, or refuse it."""
    repeats = expression.count("*") + expression.count("+")
    if not _SAFE.fullmatch(expression) or repeats > _MOST_REPEATS:
        raise config.unsupported(
            f"the pattern {expression[:60]!a} of unquantised modules is not understood yet"
        )
    return expression
