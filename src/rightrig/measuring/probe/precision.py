"""Which number formats a card multiplies, and which to serve and to fine-tune in, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import capability
from rightrig.facts.generation import NativeFormat, generation_of
from rightrig.facts.gpu import PROCESSOR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.measuring.probe.naming import Known
    from rightrig.measuring.probe.probed import Probed

SHOWN: Final[tuple[NativeFormat, ...]] = ("bf16", "fp16", "fp8", "fp4", "int8", "int4")
"""Formats that are asked about."""
# The first compute capability whose matrix units multiply a format (NVIDIA's PTX reference).
_FROM: Final = {"fp16": (7, 0), "int8": (7, 2), "bf16": (8, 0), "fp8": (8, 9), "fp4": (10, 0)}
_TENSOR_CORES: Final = (7, 0)
_ACCUMULATE_RATIO: Final = 1.5
# Instructions of processors, as /proc/cpuinfo names them.
_FLAGS: Final = {
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "int8": ("avx512_vnni", "avx_vnni", "amx_int8", "i8mm", "asimddp"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    """What to use, and why."""

    use: str
    reason: str


@dataclass(frozen=True, slots=True)
class Precision:
    """What cards of one kind multiply, and what follows.

    Attributes:
        name: Of the card: its slug, or what its driver calls it.
        formats: Format → whether it is native.
        serving, fine_tuning: What to use there.
    """

    name: str
    formats: dict[str, bool]
    serving: Advice
    fine_tuning: Advice


def supports(compute_capability: str, format_name: str) -> bool:
    """Whether matrix units of a compute capability multiply a format: FP8 from 8.9, FP4 from 10.0.

    >>> supports("8.9", "fp8"), supports("8.6", "fp8"), supports("9.0", "fp4")
    (True, False, False)
    """
    first = _FROM.get(format_name)
    return first is not None and capability(compute_capability) >= first


def native_formats(known: Known, catalog: Catalog) -> frozenset[str]:
    """Return the formats that a card multiplies without unpacking them.

    By the record of its generation; of a card without a record, by that of another card of its
    compute capability, and of a newer one than any by where formats begin.
    """
    if known.gpu is not None:
        return _of_record(known.gpu)
    own = known.card.compute_capability
    if not own:
        return frozenset()
    kin = next((gpu for gpu in catalog.gpus() if gpu.compute_capability == own), None)
    if kin is not None:
        return _of_record(kin)
    return frozenset(name for name in _FROM if supports(own, name))


def _of_record(gpu: Gpu) -> frozenset[str]:
    """Return the formats of a card's generation."""
    generation = generation_of(gpu)
    return frozenset(generation.native_formats) if generation else frozenset()


def precisions(subject: Probed, catalog: Catalog) -> tuple[Precision, ...]:
    """Return what each kind of card multiplies, and the advice for it."""
    found: dict[str, Precision] = {}
    for one in subject.read:
        name = one.gpu.slug if one.gpu else one.card.name
        if name not in found:
            found[name] = _precision(name, one.gpu, native_formats(one, catalog))
    if subject.processor is not None and not found:
        flags = subject.reading.host.flags
        native = frozenset(name for name, own in _FLAGS.items() if set(own) & {*flags})
        return (_of_processor(subject.processor, native),)
    return tuple(found.values())


def _precision(name: str, gpu: Gpu | None, native: frozenset[str]) -> Precision:
    """Return what one kind of card multiplies, and the advice for it."""
    formats = _formats(native)
    if not native:
        nothing = Advice("", "which formats it multiplies is not known")
        return Precision(name, formats, nothing, nothing)
    is_apple = gpu is not None and gpu.vendor == "Apple"
    serving = _for_apple(native) if is_apple else _serving(gpu, native)
    return Precision(name, formats, serving, _fine_tuning(gpu, native))


def _formats(native: Iterable[str]) -> dict[str, bool]:
    """Return each format that is shown with whether it is native."""
    return {name: name in {*native} for name in SHOWN}


def _serving(gpu: Gpu | None, native: frozenset[str]) -> Advice:
    """Return what to serve in; FP4 only where matrix units multiply it, which no Hopper does."""
    if "fp4" in native:
        return Advice(
            "NVFP4 or MXFP4 weights where their quality is enough, else FP8; FP8 cache",
            "its matrix units multiply FP4 and FP8: a quarter and half of the bytes of BF16",
        )
    if "fp8" in native:
        return Advice(
            "FP8 weights, FP8 cache; AWQ or GPTQ in 4 bits only where memory is short",
            f"FP8 halves the bytes and is multiplied as it is{_half_rate(gpu)}; it has no FP4, "
            "and 4 bits are unpacked to 16 first",
        )
    if "bf16" in native:
        extra = "INT8 (W8A8) where prompts are long; " if "int8" in native else ""
        return Advice(
            f"BF16; {extra}AWQ or GPTQ in 4 bits where memory is short",
            "it has no FP8: such weights load and are unpacked to 16 bits, which saves memory, "
            "not arithmetic",
        )
    if "fp16" in native:
        return Advice(
            "FP16; AWQ or GPTQ in 4 bits where memory is short",
            "it multiplies FP16, but neither BF16 nor FP8; models made in BF16 may overflow",
        )
    return Advice(
        "GGUF in 4 to 8 bits, with llama.cpp",
        "it has no matrix units for 16 bits: fewer bytes are its only way to more speed",
    )


def _half_rate(gpu: Gpu | None) -> str:
    """Say where FP8 with sums in FP32 runs at half of what the maker prints."""
    if gpu is None:
        return ""
    quick, full = gpu.peak.fp8_fp16_accumulate_flop_per_s, gpu.peak.fp8_flop_per_s
    if quick and full and quick > _ACCUMULATE_RATIO * full:
        return " (at half the rate that its maker prints, which sums in FP16)"
    return ""


def _for_apple(native: frozenset[str]) -> Advice:
    """Return what to serve in on Apple's chips."""
    sixteen = "BF16 or FP16" if "bf16" in native else "FP16"
    return Advice(
        f"GGUF or MLX in 4 to 8 bits; {sixteen} for small models",
        "bandwidth bounds it, and it has no FP8: fewer bits are read faster",
    )


def _fine_tuning(gpu: Gpu | None, native: frozenset[str]) -> Advice:
    """Return what to fine-tune in."""
    if gpu is not None and gpu.vendor == "Apple":
        return Advice("LoRA with MLX, weights in 4 to 16 bits", "PyTorch's trainers want CUDA")
    if "bf16" in native:
        fp8 = "; FP8 through torchao or Transformer Engine for long runs" if "fp8" in native else ""
        return Advice(
            f"BF16, LoRA; QLoRA in NF4 where memory is short{fp8}",
            "BF16 has the range of FP32 and needs no loss scaling",
        )
    if "fp16" in native:
        return Advice("FP16 with loss scaling, LoRA", "it has no BF16, whose range gradients want")
    return Advice("nothing larger than a LoRA of a small model", "it has no matrix units")


def _of_processor(gpu: Gpu, native: frozenset[str]) -> Precision:
    """Return the advice for a processor."""
    quick = "instructions for " + " and ".join(sorted(native)) if native else "no such instructions"
    return Precision(
        name=gpu.slug,
        formats=_formats(native),
        serving=Advice(
            "GGUF with llama.cpp: Q4_K_M, Q8_0 where quality counts",
            f"each token reads all weights from host memory, so fewer bits are quicker; it has "
            f"{quick}",
        ),
        fine_tuning=Advice(
            "nothing here", f"{PROCESSOR}s take days for what a card does in an hour"
        ),
    )
