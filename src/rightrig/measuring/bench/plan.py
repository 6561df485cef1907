"""What to try on a device, and how long each block may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.bench.values import BLOCKS
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.values import Block

QUICK_S: Final = 40.0
"""What blocks of a quick run share; the rest of a minute is for imports and inputs."""
FULL_S: Final = 420.0
_FEW_SHAPES: Final = ("qkv", "gate_up")
_MAIN_TYPES: Final = ("bfloat16", "float8_e4m3fn")
_FP8_CAPABILITY: Final = (8, 9)
_INT8_CAPABILITY: Final = (7, 5)
_BF16_CAPABILITY: Final = (8, 0)
_SHARES: Final[dict[Block, float]] = {
    "copy": 0.09, "read": 0.07, "gemm": 0.28, "launch": 0.02, "decode-attention": 0.12,
    "prefill-attention": 0.07, "transfer": 0.03, "peers": 0.03, "collectives": 0.12, "stack": 0.20,
}  # fmt: skip
"""Shares of the time, the sustained load apart; what a block leaves goes to those after it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes to try and time to take.

    Attributes:
        copy_bytes, messages_bytes: Sizes of buffers, and of messages among ranks.
        rows_count: The m of products.
        types: Of products, by PyTorch's names of what is multiplied.
        main_types: Those of them that models are served in; others are tried on a few shapes.
        shapes: Names of the products of a layer that are tried; empty for all.
        decodes: ``(sequences, context)`` of decode attention.
        prompts_tokens: Of prefill attention.
        steps: ``(sequences, context)`` of decode steps of the stack.
        step_prompts_tokens: Of its prefill steps.
        layers_count: Layers of the stack at most; 0 for all that fit.
        models_count: Models whose products and heads are tried.
        stacks_count: Models of which a stack is built.
        sample_s: About how long one sample lasts.
        sustained_s: Of the load under which clocks are watched.
        blocks_s: Time of each block that runs, in order.
    """

    copy_bytes: tuple[float, ...]
    messages_bytes: tuple[float, ...]
    rows_count: tuple[int, ...]
    types: tuple[str, ...]
    main_types: tuple[str, ...]
    shapes: tuple[str, ...]
    decodes: tuple[tuple[int, int], ...]
    prompts_tokens: tuple[int, ...]
    steps: tuple[tuple[int, int], ...]
    step_prompts_tokens: tuple[int, ...]
    layers_count: int
    models_count: int
    stacks_count: int
    sample_s: float
    sustained_s: float
    blocks_s: Mapping[Block, float]

    def tries(self, shape: str, dtype: str) -> bool:
        """Whether a product of a layer is tried in a type."""
        name = shape.removeprefix("expert_")
        if dtype not in self.main_types and name not in _FEW_SHAPES:
            return False
        return not self.shapes or name in self.shapes

    def rows_of(self, dtype: str) -> tuple[int, ...]:
        """Return the m that are tried in a type."""
        every = self.rows_count
        return every if dtype in self.main_types else every[::3] + every[-1:]

    @property
    def total_s(self) -> float:
        """Time of all blocks."""
        return sum(self.blocks_s.values())


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asked for.

    Attributes:
        quick: At most a minute.
        only: Blocks to run; empty for all.
        sustained_s: Of the sustained load; ``None`` for the usual.
        total_s: Of all other blocks; ``None`` for the usual.
    """

    quick: bool = False
    only: tuple[Block, ...] = ()
    sustained_s: float | None = None
    total_s: float | None = None


def plan_for(device: Device, asked: Asked) -> Plan:
    """Return what to try on a device."""
    usual_s = 4.0 if asked.quick else 60.0
    sustained_s = usual_s if asked.sustained_s is None else asked.sustained_s
    total_s = asked.total_s or (QUICK_S if asked.quick else FULL_S)
    blocks_s = _blocks_s(device, asked.only, total_s, sustained_s)
    if device.is_card:
        return _card_plan(device, sustained_s, blocks_s, quick=asked.quick)
    return _processor_plan(sustained_s, blocks_s, quick=asked.quick)


def _blocks_s(
    device: Device, only: tuple[Block, ...], total_s: float, sustained_s: float
) -> dict[Block, float]:
    """Return the time of each block that runs, in order."""
    chosen = [block for block in BLOCKS if block in only or not only]
    idle = () if device.is_card else ("transfer", "peers")
    shares = {b: 0.0 if b in idle else _SHARES[b] for b in chosen if b != "clocks"}
    whole = sum(shares.values()) or 1.0
    # One block alone need not take the time of all.
    spent_s = min(total_s, total_s * 2.0 * whole)
    times = {block: spent_s * share / whole for block, share in shares.items()}
    return {b: sustained_s if b == "clocks" else times[b] for b in chosen}


def _powers_bytes(first_bytes: float, last_bytes: float, factor: int) -> tuple[float, ...]:
    """Return sizes from one to another."""
    found = [first_bytes]
    while found[-1] * factor <= last_bytes:
        found.append(found[-1] * factor)
    return tuple(found)


def _card_plan(
    device: Device, sustained_s: float, blocks_s: Mapping[Block, float], *, quick: bool
) -> Plan:
    """Return what to try on a card."""
    most = min(8.0 * GIB, device.memory_bytes / 2.0)
    types = ["float16"]
    if device.capability >= _BF16_CAPABILITY:
        types.insert(0, "bfloat16")
    if device.capability >= _FP8_CAPABILITY:
        types.append("float8_e4m3fn")
    if device.capability >= _INT8_CAPABILITY:
        types.append("int8")
    types.append("float32")
    every = tuple(2**power for power in range(14))
    return Plan(
        copy_bytes=_powers_bytes(16.0 * MIB, most, 16) if quick else _powers_bytes(MIB, most, 4),
        messages_bytes=_powers_bytes(64 * 2.0**10, GIB, 64 if quick else 8),
        rows_count=(1, 16, 128, 1024, 8192) if quick else every,
        types=tuple(t for t in types if t in _MAIN_TYPES) if quick else tuple(types),
        main_types=_MAIN_TYPES,
        shapes=_FEW_SHAPES if quick else (),
        decodes=((8, 2048), (32, 8192)) if quick else _grid((1, 8, 32, 128), (512, 2048, 8192)),
        prompts_tokens=(2048, 8192) if quick else (512, 2048, 8192, 32768),
        steps=((1, 512), (64, 512)) if quick else _grid((1, 4, 16, 64, 256), (512, 4096)),
        step_prompts_tokens=(2048,) if quick else (512, 2048, 8192),
        layers_count=8 if quick else 0,
        models_count=2,
        stacks_count=1 if quick else 2,
        sample_s=0.01 if quick else 0.02,
        sustained_s=sustained_s,
        blocks_s=blocks_s,
    )


def _processor_plan(sustained_s: float, blocks_s: Mapping[Block, float], *, quick: bool) -> Plan:
    """Return what to try on a processor, which is a hundred times as slow as a card."""
    return Plan(
        copy_bytes=_powers_bytes(16.0 * MIB, 256.0 * MIB, 4)
        if quick
        else _powers_bytes(MIB, 2.0 * GIB, 4),
        messages_bytes=_powers_bytes(64 * 2.0**10, 16.0 * MIB, 16 if quick else 4),
        rows_count=(1, 16, 128) if quick else (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        types=("float32", "bfloat16"),
        main_types=("float32", "bfloat16"),
        shapes=("qkv", "down") if quick else (),
        decodes=((1, 2048), (8, 1024)) if quick else _grid((1, 8), (512, 2048, 8192)),
        prompts_tokens=(512,) if quick else (512, 2048),
        steps=((1, 256), (8, 256)) if quick else _grid((1, 4, 16), (512, 4096)),
        step_prompts_tokens=(64,) if quick else (128, 512),
        layers_count=2 if quick else 4,
        models_count=1 if quick else 2,
        stacks_count=1,
        sample_s=0.01 if quick else 0.05,
        sustained_s=sustained_s,
        blocks_s=blocks_s,
    )


def _grid(firsts: tuple[int, ...], seconds: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return every pair."""
    return tuple((first, second) for first in firsts for second in seconds)
