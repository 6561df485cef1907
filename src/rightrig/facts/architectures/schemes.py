"""The quantisations that checkpoints state: which format, and how many bits a weight.

One function a method reads its table (``quantization_config``); the keys are those of the
library's own classes (transformers, utils/quantization_config.py, 5.23) and of the tools' pages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.architectures.common import Config, shown
from rightrig.facts.quantization import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable

_FULL_BLOCK: Final = 128
_MOST_BITS: Final = 16
_FLOAT_BITS: Final = 16
_SPARSE_SCALE_GROUP: Final = 256
_MODELOPT: Final = {
    "FP8": "fp8", "FP8_PER_CHANNEL_PER_TOKEN": "fp8", "FP8_PB_WO": "fp8-block",
    "FP8_PB_REAL": "fp8-block", "MXFP8": "mxfp8", "NVFP4": "nvfp4", "NVFP4_AWQ": "nvfp4",
    "W4A16_NVFP4": "nvfp4", "NVFP4_SVDQUANT": "nvfp4", "MXFP4": "mxfp4",
    "W4A8_MXFP4_FP8": "mxfp4", "W4A16_AWQ": "awq", "W4A8_AWQ": "awq", "INT4_AWQ": "awq",
    "W8A16": "int8-weight-only", "W8A8_SQ_PER_CHANNEL": "int8", "INT8_SQ": "int8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scheme:
    """A format and, where it is not the format's own, the mean bits of a converted weight."""

    name: str
    bits_per_weight: float | None = None

    @property
    def mean_bits(self) -> float:
        """Bits of a converted weight, scales included."""
        own = FORMATS[self.name].bits_per_weight
        return own if self.bits_per_weight is None else self.bits_per_weight


def scheme_of(table: Config) -> Scheme:
    """Return the scheme of a whole checkpoint.

    Raises:
        UnsupportedModelError: when the method, or what it says, is not understood yet.
    """
    if table.has("quant_algo"):
        return modelopt(table, table.text("quant_algo"))
    method = table.text("quant_method").lower()
    reader = _METHODS.get(method)
    if reader is None:
        raise table.unsupported(
            f"quant_method {method[:40]!a} is not understood yet; understood are "
            f"{', '.join(sorted(_METHODS))}"
        )
    return reader(table)


def modelopt(table: Config, algorithm: str) -> Scheme:
    """Return the scheme of one of ModelOpt's algorithms."""
    name = _MODELOPT.get(algorithm.upper())
    if name is None:
        raise _refused(table, f"ModelOpt's {algorithm[:40]!a}")
    group = table.optional_count("group_size", none_is=-1)
    if name == "awq" and group not in {None, _FULL_BLOCK}:
        return Scheme(name, _grouped_bits(4, group))
    return Scheme(name)


def _refused(table: Config, what: str) -> Exception:
    """Return the error for a quantisation that is not understood."""
    return table.unsupported(
        f"the quantisation {what} is not understood yet; understood formats are "
        f"{', '.join(FORMATS)}"
    )


def _grouped_bits(bits: int, group: int | None, *, zeros: bool = True) -> float:
    """Return b + 16/g + b/g: integers, a 16-bit scale and a zero point a group."""
    if group is None:  # a channel: thousands of weights share one scale
        return float(bits)
    return bits + _FLOAT_BITS / group + (bits / group if zeros else 0.0)


def _integers(table: Config, name: str, bits: int, group: int | None) -> Scheme:
    """Integers with one scale a group of weights; four bits and 128 are the custom."""
    if bits not in {2, 3, 4, 5, 6, 7, 8}:
        raise _refused(table, f"{name} with {bits} bits")
    if (bits, group) == (4, _FULL_BLOCK):
        return Scheme(name)
    return Scheme(name, _grouped_bits(bits, group))


def _group(table: Config, *keys: str) -> int | None:
    """Return the size of a group; -1 and 0 mean a channel."""
    key = table.first(*keys)
    size = table.optional_count(key, low=0, none_is=-1)
    return size or None


def _fp8(table: Config) -> Scheme:
    """One scale a tensor, or one a block."""
    block = table.numbers("weight_block_size")
    if not block:
        return Scheme("fp8")
    if len(block) != 2 or not all(block):  # noqa: PLR2004 - rows and columns
        raise table.wrong("weight_block_size", "two whole numbers above 0")
    if block == (_FULL_BLOCK, _FULL_BLOCK):
        return Scheme("fp8-block")
    return Scheme("fp8-block", 8 + 32 / (block[0] * block[1]))


def _awq(table: Config) -> Scheme:
    bits = table.count(table.first("bits", "w_bit"), 4)
    return _integers(table, "awq", bits, _group(table, "group_size", "q_group_size"))


def _gptq(table: Config) -> Scheme:
    return _integers(table, "gptq", table.count("bits", 4), _group(table, "group_size"))


def _auto_round(table: Config) -> Scheme:
    """Intel's tool writes integers for GPTQ's or AWQ's kernels, or block floats."""
    kind = table.text("data_type", "int").lower()
    bits = table.count("bits", 4)
    floats = {("mx_fp", 4): "mxfp4", ("mx_fp", 8): "mxfp8", ("nv_fp", 4): "nvfp4",
              ("fp", 8): "fp8", ("fp8", 8): "fp8", ("fp8_sym", 8): "fp8"}  # fmt: skip
    if kind not in {"int", "int_sym", "int_asym"}:
        name = floats.get((kind.removesuffix("4_with_static_gs"), bits))
        if name is None:
            raise _refused(table, f"auto-round with {bits} bits of {kind[:20]!a}")
        return Scheme(name)
    name = "awq" if "awq" in table.text("packing_format").lower() else "gptq"
    return _integers(table, name, bits, _group(table, "group_size"))


def _bitsandbytes(table: Config) -> Scheme:
    """NF4 with or without double quantisation; FP4 takes the same bytes, LLM.int8() eight bits."""
    if table.flag(table.first("load_in_8bit", "_load_in_8bit"), default=False):
        return Scheme("int8")
    doubled = table.flag("bnb_4bit_use_double_quant", default=False)
    return Scheme("nf4" if doubled else "nf4-single")


def _hqq(table: Config) -> Scheme:
    """A 16-bit scale and zero point a group."""
    inner = table.table("quant_config") or table
    weights = inner.table("weight_quant_params") or inner
    bits, group = weights.count("nbits", high=8), weights.optional_count("group_size")
    if (bits, group) == (4, 64):
        return Scheme("hqq4")
    return Scheme("hqq", bits + (0.0 if group is None else 2 * _FLOAT_BITS / group))


def _exllama(table: Config) -> Scheme:
    """EXL2 and EXL3 state the mean bits of their layers."""
    bits = table.values.get("bits")
    is_number = isinstance(bits, int | float) and not isinstance(bits, bool)
    method = table.text("quant_method").lower()
    if not (is_number and isinstance(bits, int | float) and 1 <= bits <= 8):  # noqa: PLR2004
        raise _refused(table, f"{method} with {shown(bits)} bits")
    return Scheme("exl2-8bpw") if (method, bits) == ("exl2", 8) else Scheme(method, float(bits))


def _aqlm(table: Config) -> Scheme:
    """Codes of so many bits stand for groups of weights (arXiv:2401.06118)."""
    codes = table.count("num_codebooks", 1, high=64) * table.count("nbits_per_codebook", 16)
    weights = table.count("in_group_size", 8) * table.count("out_group_size", 1)
    bits = codes / weights
    if not 0 < bits <= _MOST_BITS:
        raise _refused(table, f"aqlm with {bits:g} bits")
    return Scheme("aqlm", bits)


def _vptq(table: Config) -> Scheme:
    """Indices into a codebook, and into one of residuals, stand for vectors of weights."""
    layers = table.table("config_for_layers")
    tables = [] if layers is None else [layers.table(key) for key in layers.values]
    found = {_vptq_bits(layer) for layer in tables if layer is not None}
    if len(found) != 1:
        raise _refused(table, "vptq with other than one kind of layers ('config_for_layers')")
    return Scheme("vptq", found.pop())


def _vptq_bits(layer: Config) -> float:
    lengths, main = layer.values.get("vector_lens"), layer.values.get("num_centroids")
    residual = layer.values.get("num_res_centroids", [-1, -1])
    lists = (lengths, main, residual)
    if not all(isinstance(one, list) and one and isinstance(one[-1], int) for one in lists):
        raise layer.wrong("vector_lens", "a list of whole numbers, as 'num_centroids' is")
    length, *sizes = (one[-1] for one in lists if isinstance(one, list))
    bits = sum(math.ceil(math.log2(size)) for size in sizes if 1 < size < 1 << 32)
    if not 0 < length <= 1024 or not 0 < bits <= _MOST_BITS * length:  # noqa: PLR2004
        raise _refused(layer, f"vptq with vectors of {shown(length)}")
    return float(bits / length)


def _torchao(table: Config) -> Scheme:
    """The names of torchao's configurations, as texts or as tables."""
    kind, group = table.values.get("quant_type"), None
    if isinstance(kind, dict):
        default = (table.table("quant_type") or table).table("default")
        kind = "" if default is None else default.text("_type")
        data = None if default is None else default.table("_data")
        group = None if data is None else data.optional_count("group_size")
    elif (arguments := table.table("quant_type_kwargs")) is not None:
        group = arguments.optional_count("group_size")
    name = str(kind).lower().replace("_", "").removesuffix("config")
    if name in {"int4weightonly", "int8dynamicactivationint4weight"}:
        return _integers(table, "gptq", 4, group or _FULL_BLOCK)
    formats = {"int8weightonly": "int8-weight-only", "int8dynamicactivationint8weight": "int8",
               "float8weightonly": "fp8", "float8dynamicactivationfloat8weight": "fp8"}  # fmt: skip
    if name not in formats:
        raise _refused(table, f"torchao's {shown(kind)}")
    return Scheme(formats[name])


def _quanto(table: Config) -> Scheme:
    kind = table.text("weights", "int8")
    known = {
        "int8": Scheme("int8-weight-only"),
        "float8": Scheme("fp8"),
        "int4": Scheme("gptq", 4 + 32 / 128),
        "int2": Scheme("gptq", 2 + 32 / 128),
    }
    if kind not in known:
        raise _refused(table, f"quanto with weights {shown(kind)}")
    return known[kind]


def _quark(table: Config) -> Scheme:
    """AMD's tool: one global description, apart from layers that differ."""
    whole = table.table("global_quant_config")
    if whole is None:
        raise _refused(table, "quark without a 'global_quant_config'")
    return quark(whole)


def quark(whole: Config) -> Scheme:
    """Return the scheme of one of Quark's descriptions."""
    weight = whole.table("weight")
    if weight is None:
        raise _refused(whole, "quark without a description of its weights")
    kind, group = weight.text("dtype").lower(), weight.optional_count("group_size", none_is=-1)
    if kind.startswith("fp8"):
        return Scheme("mxfp8" if group == 32 else "fp8")  # noqa: PLR2004 - OCP's block
    if kind == "fp4" and group in {16, 32}:
        return Scheme({16: "nvfp4", 32: "mxfp4"}[group])
    if kind in {"int4", "uint4"}:
        return _integers(whole, "gptq", 4, group)
    if kind in {"int8", "uint8"}:
        return Scheme("int8" if whole.has("input_tensors") else "int8-weight-only")
    raise _refused(whole, f"quark with weights {kind[:20]!a}")


def _fp_quant(table: Config) -> Scheme:
    name = table.text("forward_dtype", "nvfp4")
    if name not in {"nvfp4", "mxfp4"}:
        raise _refused(table, f"fp_quant with {shown(name)}")
    return Scheme(name)


def _sparse_quantised(table: Config) -> Scheme:
    """SpQR: scales and zeros of the same bits a group, their own scales, one weight in 100 apart.

    Three bits and groups of 16 give 3.9 bits, as the paper reports (arXiv:2306.03078).
    """
    bits, group = table.count("bits", 3, high=8), table.count("beta1", 16)
    outliers = 0.01 * 32
    return Scheme("spqr", bits + 2 * bits / group + 64 / _SPARSE_SCALE_GROUP + outliers)


def compressed(weights: Config, *, has_activations: bool) -> Scheme:
    """Return the scheme of one group of compressed-tensors."""
    kind, bits = weights.text("type", "int"), weights.count("num_bits", 8)
    size = weights.optional_count("group_size", none_is=-1)
    if kind == "float":
        return _compressed_floats(weights, bits, size)
    if kind != "int":
        raise _refused(weights, f"{bits}-bit {kind[:20]!a} weights")
    if bits == 8 and has_activations:  # noqa: PLR2004 - the width of int8
        return Scheme("int8")
    if (bits, size) == (4, 32):
        return Scheme("int4-g32")
    return _integers(weights, "gptq", bits, size)


def _compressed_floats(weights: Config, bits: int, size: int | None) -> Scheme:
    """Floats of eight or four bits by the size of their groups."""
    if bits == 8:  # noqa: PLR2004 - the width of fp8
        if weights.text("strategy") == "block" or weights.has("block_structure"):
            return Scheme("fp8-block")
        return Scheme("mxfp8" if size == 32 else "fp8")  # noqa: PLR2004 - OCP's block
    name = {16: "nvfp4", 32: "mxfp4"}.get(size or 0)
    if bits != 4 or name is None:  # noqa: PLR2004 - the width of fp4
        raise _refused(weights, f"{bits}-bit floats in groups of {size}")
    return Scheme(name)


_METHODS: Final[dict[str, Callable[[Config], Scheme]]] = {
    "fp8": _fp8,
    "fbgemm_fp8": lambda _: Scheme("fp8"),
    "mxfp4": lambda _: Scheme("mxfp4"),
    "mxfp8": lambda _: Scheme("mxfp8"),
    "nvfp4": lambda _: Scheme("nvfp4"),
    **dict.fromkeys(("awq", "awq_marlin"), _awq),
    **dict.fromkeys(("gptq", "gptq_marlin"), _gptq),
    **dict.fromkeys(("auto-round", "intel/auto-round", "auto_round"), _auto_round),
    "bitsandbytes": _bitsandbytes,
    "hqq": _hqq,
    **dict.fromkeys(("exl2", "exl3"), _exllama),
    "aqlm": _aqlm,
    "vptq": _vptq,
    "spqr": _sparse_quantised,
    "bitnet": lambda _: Scheme("bitnet"),
    "eetq": lambda _: Scheme("int8-weight-only"),
    "torchao": _torchao,
    "quanto": _quanto,
    "quark": _quark,
    "fp_quant": _fp_quant,
}
