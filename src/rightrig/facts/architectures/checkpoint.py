"""How published weights are stored: ``quantization_config`` → a format that rightrig knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from rightrig.facts.architectures.common import Config, shown
from rightrig.facts.architectures.kept import excluded_classes
from rightrig.facts.llm import Checkpoint, TensorClass
from rightrig.facts.quantization import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.facts.architectures.layers import Decoder

_TABLES: Final = ("quantization_config", "compression_config")
_LISTS: Final = (
    "modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules", "skip_modules",
    "llm_int8_skip_modules",
)  # fmt: skip
_MODELOPT: Final = {
    "FP8": "fp8",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8",
    "FP8_PB_WO": "fp8-block",
    "MXFP8": "mxfp8",
    "NVFP4": "nvfp4",
    "W4A16_AWQ": "awq",
}
_KV_NAMES: Final = {"FP8": "fp8", "STATIC": "fp8", "INT8": "int8", "NONE": None, "": None}
_FULL_BLOCK: Final = 128
_MOST_EXL2_BITS: Final = 8


def read_checkpoint(config: Config, decoder: Decoder) -> Checkpoint:
    """Return the format of the published weights and what it leaves at 16 bits.

    FP32 originals count as BF16: engines load them at 16 bits.
    """
    scheme = _scheme(config)
    if scheme is None:
        dtype = config.text(config.first("dtype", "torch_dtype")).removeprefix("torch.")
        return Checkpoint(format="fp16" if dtype == "float16" else "bf16")
    name = _format(scheme)
    return Checkpoint(
        format=name, kept_16bit=_kept(scheme, name, decoder), kv_format=_kv_format(scheme)
    )


def _scheme(config: Config) -> Config | None:
    """Return the table that describes the quantisation, wherever it lies."""
    for key in _TABLES:
        table = config.table(key)
        if table is not None and table.values:
            return table
    beside = config.table("hf_quant_config")
    return None if beside is None else beside.table("quantization")


def _format(scheme: Config) -> str:
    """Return the name of the format."""
    if scheme.has("quant_algo"):
        algorithm = scheme.text("quant_algo")
        return _known(
            scheme, _MODELOPT.get(algorithm.upper(), ""), f"ModelOpt's {algorithm[:40]!a}"
        )
    method = scheme.text("quant_method")
    reader = _METHODS.get(method)
    if reader is None:
        raise scheme.unsupported(
            f"quant_method {method[:40]!a} is not understood yet; understood are "
            f"{', '.join(sorted(_METHODS))}"
        )
    return reader(scheme)


def _known(scheme: Config, name: str, what: str) -> str:
    """Return the name when it is a format, else refuse what it stands for."""
    if name not in FORMATS:
        raise scheme.unsupported(
            f"the quantisation {what} is not understood yet; understood formats are "
            f"{', '.join(FORMATS)}"
        )
    return name


def _fp8(scheme: Config) -> str:
    """One scale a tensor, or one a block of 128 by 128."""
    block = scheme.numbers("weight_block_size")
    if not block:
        return "fp8"
    name = "fp8-block" if block == (_FULL_BLOCK, _FULL_BLOCK) else ""
    return _known(scheme, name, f"fp8 in blocks of {' x '.join(map(str, block[:3]))}")


def _integers(scheme: Config, method: str, *, bits: int | None, group: int | None) -> str:
    """Integers with one scale a group of weights; a hundred and twenty-eight is the custom."""
    exact = method if group == _FULL_BLOCK else f"{method}-g{group}"
    name = exact if bits == 4 else ""  # noqa: PLR2004 - the only width that has formats
    sizes = "one scale a channel" if group is None else f"groups of {group}"
    return _known(scheme, name, f"{method} with {bits} bits and {sizes}")


def _awq(scheme: Config) -> str:
    key = scheme.first("bits", "w_bit")
    group = scheme.optional_count(scheme.first("group_size", "q_group_size"), none_is=-1)
    return _integers(scheme, "awq", bits=scheme.count(key, 4), group=group)


def _gptq(scheme: Config) -> str:
    group = scheme.optional_count("group_size", none_is=-1)
    return _integers(scheme, "gptq", bits=scheme.count("bits", 4), group=group)


def _bitsandbytes(scheme: Config) -> str:
    """NF4 with or without double quantisation; FP4 takes the same bytes, LLM.int8() eight bits."""
    if scheme.flag(scheme.first("load_in_8bit", "_load_in_8bit"), default=False):
        return "int8"
    doubled = scheme.flag("bnb_4bit_use_double_quant", default=False)
    return "nf4" if doubled else "nf4-single"


def _hqq(scheme: Config) -> str:
    inner = scheme.table("quant_config") or scheme
    weights = inner.table("weight_quant_params") or inner
    bits = weights.optional_count("nbits")
    group = weights.optional_count("group_size")
    name = "hqq4" if (bits, group) == (4, 64) else ""
    return _known(scheme, name, f"hqq with {bits} bits and groups of {group}")


def _exl2(scheme: Config) -> str:
    bits = scheme.values.get("bits")
    known = isinstance(bits, int | float) and 1 < bits <= _MOST_EXL2_BITS
    return _known(scheme, f"exl2-{bits:g}bpw" if known else "", f"exl2 with {shown(bits)} bits")


def _compressed_tensors(scheme: Config) -> str:
    """One group of equal weights; several groups are a mix of formats."""
    groups = scheme.table("config_groups")
    tables = [] if groups is None else [groups.table(key) for key in groups.values]
    weights = None if len(tables) != 1 or tables[0] is None else tables[0].table("weights")
    if tables and tables[0] and tables[0].texts("targets") not in {(), ("Linear",)}:
        weights = None
    sparsity = scheme.table("sparsity_config")
    is_sparse = sparsity is not None and sparsity.text("format", "dense") != "dense"
    if weights is None or is_sparse:
        raise scheme.unsupported(
            "compressed-tensors with other than one group of all linear layers ('config_groups'), "
            "or with sparse weights ('sparsity_config'), is not understood yet"
        )
    return _compressed_weights(scheme, weights, tables[0])


def _compressed_weights(scheme: Config, weights: Config, group: Config | None) -> str:
    """Return the format of one group of compressed-tensors."""
    kind, bits = weights.text("type"), weights.optional_count("num_bits")
    size = weights.optional_count("group_size", none_is=-1)
    if (kind, bits) == ("float", 8):
        is_block = weights.text("strategy") == "block"
        return "fp8-block" if is_block else "mxfp8" if size == 32 else "fp8"  # noqa: PLR2004
    if (kind, bits) == ("float", 4):
        name = {16: "nvfp4", 32: "mxfp4"}.get(size or 0, "")
        return _known(scheme, name, f"4-bit floats in groups of {size}")
    if (kind, bits) == ("int", 4):
        # The bytes of GPTQ without zero points; its groups of other sizes have no other name.
        return "gptq" if size == _FULL_BLOCK else _integers(scheme, "int4", bits=bits, group=size)
    has_activations = group is not None and group.has("input_activations")
    name = "int8" if (kind, bits) == ("int", 8) and has_activations else ""
    return _known(scheme, name, f"{bits}-bit {kind[:20]!a} weights")


_METHODS: Final[dict[str, Callable[[Config], str]]] = {
    "fp8": _fp8,
    "fbgemm_fp8": lambda _: "fp8",
    "awq": _awq,
    "gptq": _gptq,
    "bitsandbytes": _bitsandbytes,
    "mxfp4": lambda _: "mxfp4",
    "compressed-tensors": _compressed_tensors,
    "hqq": _hqq,
    "exl2": _exl2,
}


def _kept(scheme: Config, name: str, decoder: Decoder) -> tuple[TensorClass, ...] | None:
    """Return the classes left at 16 bits, or ``None`` where they are the format's custom."""
    custom = set(FORMATS[name].kept_16bit)
    modules = [module for key in _LISTS for module in scheme.texts(key)]
    kept = custom | excluded_classes(scheme, modules, decoder)
    if scheme.has("head_bits") or scheme.values.get("lm_head") is True:
        kept.discard("head")
    if kept == custom:
        return None
    return tuple(kind for kind in get_args(TensorClass) if kind in kept)


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
