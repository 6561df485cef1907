"""Checkpoints whose layers are quantised in several ways: which class takes which scheme."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.kept import excluded_classes
from rightrig.facts.architectures.schemes import Scheme, compressed, modelopt, quark, scheme_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.architectures.common import Config
    from rightrig.facts.architectures.layers import Decoder
    from rightrig.facts.llm import TensorClass

Mix = dict[Scheme, list[str]]
"""Each scheme with the modules that it converts, by name or pattern."""
_MIXED: Final = "MIXED_PRECISION"
_UNCONVERTED_BITS: Final = 16
_MOST_SCHEMES: Final = 16


def read_mix(table: Config, beside: Config | None) -> tuple[Scheme | None, Mix, list[str]]:
    """Return the scheme of most layers, those of named ones, and modules left at 16 bits.

    Args:
        table: The statement of the quantisation.
        beside: ModelOpt's own file, which may list what the statement leaves out.
    """
    if table.text("quant_algo").upper() == _MIXED:
        lists = next((t for t in (table, beside) if t and t.has("quantized_layers")), table)
        # DeepSeek-V4's conversions keep the original's FP8 beside ModelOpt's experts.
        base = scheme_of(table.replaced({"quant_algo": None})) if _is_fp8(table) else None
        return base, _modelopt_layers(lists), []
    if table.text("quant_method") == "compressed-tensors":
        base, mix = _compressed_groups(table)
        return base, mix, []
    base = scheme_of(table)
    mix = {}
    left: list[str] = []
    for pattern, scheme in _exceptions(table):
        if scheme is None:
            left.append(pattern)
        elif scheme != base:
            mix.setdefault(scheme, []).append(pattern)
    return base, mix, left


def class_schemes(table: Config, mix: Mix, decoder: Decoder) -> dict[TensorClass, Scheme]:
    """Return the scheme of each class whose modules are all named.

    Where several schemes share a class, layer by layer, the widest of them is taken: an upper
    bound, which the files' headers make exact.
    """
    if len(mix) > _MOST_SCHEMES:
        raise table.unsupported(f"a mix of {len(mix)} quantisations is not understood yet")
    found: dict[TensorClass, Scheme] = {}
    for scheme, modules in mix.items():
        found.update(dict.fromkeys(excluded_classes(table, modules, decoder), scheme))
    everything = [module for modules in mix.values() for module in modules]
    widest = max(mix, key=lambda scheme: scheme.mean_bits, default=None)
    for kind in excluded_classes(table, everything, decoder) if len(mix) > 1 else ():
        if kind not in found and widest is not None:
            found[kind] = widest
    return found


def _is_fp8(table: Config) -> bool:
    """Whether the statement beside the mix is that of an FP8 checkpoint."""
    return table.text("quant_method") == "fp8"


def _modelopt_layers(table: Config) -> Mix:
    """Return ModelOpt's list of layers, each with its algorithm."""
    layers = table.table("quantized_layers")
    if layers is None:
        raise table.unsupported("MIXED_PRECISION without 'quantized_layers' is not understood yet")
    mix: Mix = {}
    known: dict[str, Scheme] = {}
    for module in layers.values:
        layer = layers.table(module)
        if layer is None:
            continue
        key = f"{layer.text('quant_algo')} {layer.optional_count('group_size', none_is=-1)}"
        if key not in known:
            known[key] = modelopt(layer, layer.text("quant_algo"))
        mix.setdefault(known[key], []).append(module)
    return mix


def _compressed_groups(table: Config) -> tuple[Scheme | None, Mix]:
    """Return the groups of compressed-tensors: one of all linear layers, or several of some."""
    groups = table.table("config_groups")
    sparsity = table.table("sparsity_config")
    is_sparse = sparsity is not None and sparsity.text("format", "dense") != "dense"
    base: Scheme | None = None
    mix: Mix = {}
    for key in () if groups is None or is_sparse else groups.values:
        group = groups.table(key) if groups is not None else None
        weights = None if group is None else group.table("weights")
        if group is None or weights is None:
            continue
        scheme = compressed(weights, has_activations=group.has("input_activations"))
        targets = group.texts("targets")
        if not targets or "Linear" in targets:
            base = scheme
        else:
            mix.setdefault(scheme, []).extend(targets)
    if base is None and not mix:
        raise table.unsupported(
            "compressed-tensors without groups of weights ('config_groups'), or with sparse ones "
            "('sparsity_config'), is not understood yet"
        )
    return base, mix


def _exceptions(table: Config) -> Iterator[tuple[str, Scheme | None]]:
    """Yield the modules that a tool treats otherwise; ``None`` leaves them at 16 bits."""
    rounds = table.table("extra_config")
    for module in () if rounds is None else rounds.values:
        own = rounds.table(module) if rounds is not None else None
        if own is not None:
            yield module, _with(table, own)
    rules = table.table("dynamic")
    for rule in () if rules is None else rules.values:
        own = rules.table(rule) if rules is not None else None
        pattern = f"re:{rule.partition(':')[2] or rule}"
        yield pattern, None if own is None or rule.startswith("-:") else _with(table, own)
    layers = table.table("layer_quant_config")
    for module in () if layers is None else layers.values:
        own = layers.table(module) if layers is not None else None
        yield module, None if own is None or not own.has("weight") else quark(own)


def _with(table: Config, changes: Config) -> Scheme | None:
    """Return the scheme with some keys changed, or ``None`` for 16 bits."""
    if (changes.optional_count("bits") or 0) >= _UNCONVERTED_BITS:
        return None
    return scheme_of(table.replaced(changes.values))
