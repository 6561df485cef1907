"""What a card is, can do and holds, by its name: rates by clock, formats, products, least cards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, get_args

from rightrig.audit.functions.models import deployment_of, fit_of, fits
from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import METHODS, OPTIMIZERS, TrainingStates
from rightrig.errors import InputError
from rightrig.facts import derivation
from rightrig.facts.generation import NativeFormat, generation_of
from rightrig.facts.reading import plain
from rightrig.planning.finetuning.choosing import held
from rightrig.planning.finetuning.remedies import BASES
from rightrig.planning.finetuning.wishes import StepWish, Wish
from rightrig.prediction.format_room import format_room
from rightrig.prediction.kernels import gemm
from rightrig.quantities import check_count

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.facts.generation import Generation
    from rightrig.interval import Interval
    from rightrig.prediction.kernels import Gemm

_MOST: Final = 10_000_000
_MOST_CARDS: Final = 8
_WARP_THREADS_COUNT: Final = 32
_STEP_COLUMNS: Final = 8
_MOST_COLUMNS: Final = 256
_SHAPE: Final = re.compile(r"(?P<instruction>\w+) m(?P<m>\d+)n(?P<n>\d+|N)k(?P<k>\d+) \(16 bit\)")


def marketed_bytes(setting: Setting, card: str) -> float:
    """Return the memory that a card is sold by: "80 GB" is 80 × 10⁹ bytes."""
    return derivation.marketed_bytes(setting.catalog.gpu(card))


def sweep_s(setting: Setting, card: str) -> float:
    """Return the time to read the whole marketed memory once; 1 over it is GB/s per GB."""
    return derivation.sweep_s(setting.catalog.gpu(card))


def clocked_flop_per_s(setting: Setting, card: str, rate: str) -> float:
    """Return SMs × multiply-adds × 2 × clock of a rate, such as ``"fp16"`` or ``"int8"``.

    Raises:
        InputError: for a rate that is none, or where the record lacks a factor.
    """
    if rate not in derivation.RATES:
        raise InputError(f"{plain(rate, 24)!r} is no rate; write {', '.join(derivation.RATES)}")
    found = derivation.clocked_flop_per_s(setting.catalog.gpu(card), rate)
    if found is None:
        raise InputError(
            f"the record of {plain(card, 40)} lacks SMs, clock or multiply-adds of {rate}; add "
            "them, or read the stated rate by gpu()"
        )
    return found


def threads_count(warps: int) -> float:
    """Return the threads of some warps of an NVIDIA card: 32 each.

    Source: https://docs.nvidia.com/cuda/cuda-c-programming-guide/ (SIMT architecture).
    """
    return float(_WARP_THREADS_COUNT * check_count(warps, name="warps", limit=_MOST))


def _generation(setting: Setting, card: str) -> Generation:
    """Return the generation of a card."""
    found = generation_of(setting.catalog.gpu(card))
    if found is None:
        raise InputError(f"no generation of {plain(card, 40)} is recorded; add one to the facts")
    return found


def has_format(setting: Setting, card: str, number_format: str) -> bool:
    """Return whether the matrix units of a card multiply a format, such as ``"fp8"``."""
    if number_format not in get_args(NativeFormat):
        known = ", ".join(get_args(NativeFormat))
        raise InputError(f"{plain(number_format, 24)!r} is no number format; write {known}")
    return number_format in _generation(setting, card).native_formats


def mma_shape(setting: Setting, card: str, instruction: str, columns: int = 0) -> str:
    """Return the 16-bit tile of ``mma`` or ``wgmma``: rows, columns and depth as ``64x128x16``.

    ``columns`` are those of an instruction that leaves them free: a multiple of 8 up to 256.

    Raises:
        InputError: where the card has no such instruction or tile.
    """
    for match in map(_SHAPE.fullmatch, _generation(setting, card).mma_shapes):
        if match is None or match["instruction"] != instruction:
            continue
        if match["n"] != "N":
            return f"{match['m']}x{match['n']}x{match['k']}"
        if columns % _STEP_COLUMNS or not 0 < columns <= _MOST_COLUMNS:
            raise InputError(
                f"{instruction} has {columns} columns; it takes multiples of {_STEP_COLUMNS} up to "
                f"{_MOST_COLUMNS}"
            )
        return f"{match['m']}x{columns}x{match['k']}"
    raise InputError(f"{plain(card, 40)} has no 16-bit instruction {plain(instruction, 24)!r}")


def _product(setting: Setting, card: str, rows: int, columns: int, inner: int) -> Gemm:
    """Return a matrix product with 16-bit operands."""
    return gemm(setting.catalog.gpu(card), (rows, columns, inner))


def gemm_roof_flop_per_s(setting: Setting, card: str, rows: int, columns: int, inner: int) -> float:
    """Return the rate that a 16-bit product reads its matrices and multiplies at most.

    A benchmark that repeats a product which ``fits_l2`` may pass it.
    """
    return _product(setting, card, rows, columns, inner).roofline_flop_per_s


def gemm_flop_per_s(setting: Setting, card: str, rows: int, columns: int, inner: int) -> Interval:
    """Return the rate that a 16-bit matrix product reaches, sums in FP32."""
    return _product(setting, card, rows, columns, inner).rate_flop_per_s


def gemm_limit(setting: Setting, card: str, rows: int, columns: int, inner: int) -> str:
    """Return what a 16-bit product waits for: ``memory bandwidth``, ``compute`` or ``launch``."""
    return _product(setting, card, rows, columns, inner).bound


def fits_l2(setting: Setting, card: str, rows: int, columns: int, inner: int) -> bool:
    """Return whether a repeated 16-bit product reads from L2, and so no memory is measured."""
    return _product(setting, card, rows, columns, inner).fits_l2


def least_cards_count(
    setting: Setting, model: str, card: str, context_tokens: int, seqs: int = 1, weights: str = ""
) -> float:
    """Return the fewest cards of a kind, 1 to 8, that hold a model and some sequences.

    Raises:
        InputError: where eight do not.
    """
    slug = setting.catalog.gpu(card).slug
    for cards in range(1, _MOST_CARDS + 1):
        if fits(setting, model, f"{cards}x{slug}", context_tokens, seqs, weights):
            return float(cards)
    raise InputError(f"{_MOST_CARDS} cards of {plain(card, 40)} do not hold {plain(model, 40)}")


def weight_room_bits_per_weight(
    setting: Setting, model: str, rig: str, context_tokens: int, seqs: int = 1
) -> float:
    """Return the most bits that a weight may take on a rig, beside cache and engine."""
    deployment = deployment_of(setting, model, rig)
    return format_room(fit_of(deployment, context_tokens, seqs)).bits_per_weight


def can_train(
    setting: Setting, model: str, rig: str, method: str, seq_tokens: int = 2048,
    optimizer: str = "adamw", *, keeps_fp32: bool = True,
) -> bool:  # fmt: skip
    """Return whether a rig holds a training: ``full``, ``lora`` or ``qlora``, states shared.

    ``keeps_fp32`` is for weights of 32 bits beside those of 16. Nothing lies in host memory.

    Raises:
        InputError: for another method or optimizer.
    """
    if method not in METHODS:
        raise InputError(f"{plain(method, 24)!r} is no method; write {', '.join(METHODS)}")
    if optimizer not in OPTIMIZERS:
        raise InputError(f"{plain(optimizer, 24)!r} is none; write {', '.join(OPTIMIZERS)}")
    wish = Wish(
        method,
        StepWish(check_count(seq_tokens, name="seq_tokens", limit=_MOST)),
        TrainingStates(
            optimizer=optimizer,
            base=BASES[method],
            has_master_weights=keeps_fp32,
        ),
    )
    catalog = setting.catalog
    return bool(held(catalog.llm(model), parse_rig(rig, catalog), wish).fitting)


CARD_FACTS: Final = (marketed_bytes, sweep_s, has_format, mma_shape)
CARDS: Final = (
    clocked_flop_per_s, threads_count, gemm_roof_flop_per_s, gemm_flop_per_s, gemm_limit, fits_l2,
    least_cards_count, weight_room_bits_per_weight, can_train,
)  # fmt: skip
