"""How published weights are stored: ``quantization_config`` → a format that rightrig knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from rightrig.facts.architectures.common import Config, shown
from rightrig.facts.architectures.kept import excluded_classes
from rightrig.facts.architectures.mixed import class_schemes, read_mix
from rightrig.facts.llm import Checkpoint, TensorClass
from rightrig.facts.quantization import FORMATS

if TYPE_CHECKING:
    from rightrig.facts.architectures.layers import Decoder
    from rightrig.facts.architectures.schemes import Scheme

_TABLES: Final = ("quantization_config", "compression_config")
_LISTS: Final = (
    "modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "skip_modules",
    "llm_int8_skip_modules",
)  # fmt: skip
_KV_NAMES: Final = {"FP8": "fp8", "STATIC": "fp8", "INT8": "int8", "NONE": None, "": None}
_MAIN: Final[tuple[TensorClass, ...]] = ("expert", "ffn", "attention", "shared_expert", "head")
_MOST_HEAD_BITS: Final = 16


def read_checkpoint(config: Config, decoder: Decoder) -> Checkpoint:
    """Return the format of the published weights and what it leaves at 16 bits.

    FP32 originals count as BF16: engines load them at 16 bits.
    """
    scheme = _scheme(config)
    if scheme is None:
        dtype = config.text(config.first("dtype", "torch_dtype")).removeprefix("torch.")
        return Checkpoint(format="fp16" if dtype == "float16" else "bf16")
    base, mix, left = read_mix(scheme, _beside(config))
    # Beside a list of converted layers, a list of the others adds nothing; where an FP8
    # checkpoint was converted in part, the others are what it had.
    lists = () if scheme.has("quantized_layers") else _LISTS
    modules = [*left, *(module for key in lists for module in scheme.texts(key))]
    excluded = excluded_classes(scheme, modules, decoder)
    named = class_schemes(scheme, mix, decoder)
    named = {kind: own for kind, own in named.items() if kind not in excluded}
    main = base or next((named[kind] for kind in _MAIN if kind in named), None)
    if main is None:
        raise scheme.unsupported(
            "a quantisation of some layers of a class, and not of others, is not understood yet"
        )
    if base is None:
        kept = {kind for kind in get_args(TensorClass) if kind not in named}
    else:
        kept = (_kept(scheme, base.name) | excluded | set(decoder.kept_16bit)) - set(named)
    is_custom = kept == set(FORMATS[main.name].kept_16bit)
    return Checkpoint(
        format=main.name,
        kept_16bit=None if is_custom else tuple(k for k in get_args(TensorClass) if k in kept),
        kv_format=_kv_format(scheme),
        extra_bits=_extra_bits(config, scheme, main, kept) | _bits(named, main) or None,
    )


def _bits(named: dict[TensorClass, Scheme], main: Scheme) -> dict[TensorClass, float]:
    """Return the bits of the classes whose scheme is another one."""
    return {kind: scheme.mean_bits for kind, scheme in named.items() if scheme != main}


def _extra_bits(
    config: Config, table: Config, main: Scheme, kept: set[TensorClass]
) -> dict[TensorClass, float]:
    """Return the bits of the classes that differ from the format's own."""
    extra: dict[TensorClass, float] = {}
    if main.bits_per_weight is not None:
        converted = [kind for kind in get_args(TensorClass) if kind not in kept]
        extra = dict.fromkeys(converted, main.mean_bits)
    if config.text("expert_dtype") == "fp4":
        extra["expert"] = FORMATS["mxfp4"].bits_per_weight
    if table.has("head_bits"):
        head_bits = float(table.count("head_bits", high=_MOST_HEAD_BITS))
        if head_bits != main.mean_bits:
            extra["head"] = head_bits
    return extra


def _scheme(config: Config) -> Config | None:
    """Return the table that describes the quantisation, wherever it lies."""
    for key in _TABLES:
        table = config.table(key)
        if table is not None and table.values:
            return table
    return _beside(config)


def _beside(config: Config) -> Config | None:
    """Return what ModelOpt's own file says."""
    beside = config.table("hf_quant_config")
    return None if beside is None else beside.table("quantization")


def _kept(scheme: Config, name: str) -> set[TensorClass]:
    """Return the classes that checkpoints of a format leave at 16 bits by custom."""
    custom = set(FORMATS[name].kept_16bit)
    if scheme.has("head_bits") or scheme.values.get("lm_head") is True:
        custom.discard("head")
    return custom


def _kv_format(scheme: Config) -> str | None:
    """Return the format of the KV cache that the checkpoint has scales for."""
    value = scheme.values.get(scheme.first("kv_cache_quant_algo", "kv_cache_scheme"))
    if value is None:
        return None
    name = str(value).upper() if isinstance(value, str) else _kv_of_table(scheme)
    if name not in _KV_NAMES:
        raise scheme.unsupported(f"a KV cache in {shown(value)} is not understood yet")
    return _KV_NAMES[name]


def _kv_of_table(scheme: Config) -> str:
    """Return the name of a KV format that is spelled out as a table."""
    table = scheme.table(scheme.first("kv_cache_quant_algo", "kv_cache_scheme"))
    if table is None:
        return ""
    kind, bits = table.text("type", "float"), table.count("num_bits", 8)
    return {("float", 8): "FP8", ("int", 8): "INT8"}.get((kind, bits), f"{kind[:20]} {bits}")
