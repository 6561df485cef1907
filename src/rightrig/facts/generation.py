"""Generations of chips: number formats that run natively, and the oldest software for them."""

from __future__ import annotations

import functools
import tomllib
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveInt

from rightrig.facts.index import DATA
from rightrig.facts.source import Record, Source

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu

NativeFormat = Literal[
    "fp64", "tf32", "bf16", "fp16", "fp8", "fp6", "fp4", "int8", "int4",
]  # fmt: skip
FORMATS: tuple[NativeFormat, ...] = (
    "fp64", "tf32", "bf16", "fp16", "fp8", "fp6", "fp4", "int8", "int4",
)  # fmt: skip
"""Every format that some matrix unit multiplies, from the widest to the narrowest."""


class Generation(Record):
    """What cards of one compute capability (NVIDIA) or architecture share.

    Attributes:
        native_formats: Operands that matrix units multiply without a conversion, or packed
            vectors where a chip has no matrix units; ``note`` says so.
        mma_shapes: Tiles of the matrix instructions: m rows, n columns, k multiply-adds each.
        min_toolkit: The first release of the maker's toolkit that compiles for it.
        min_driver: The driver that this toolkit asks for on Linux.
    """

    slug: str
    name: str
    vendor: Literal["NVIDIA", "AMD", "Intel", "Google", "Apple"]
    compute_capability: str | None = None
    tensor_core_generation: PositiveInt | None = None
    native_formats: tuple[NativeFormat, ...]
    mma_shapes: tuple[str, ...] = ()
    min_toolkit: str | None = None
    min_driver: str | None = None
    note: str = ""
    sources: tuple[Source, ...]


@functools.cache
def _read(slug: str) -> Generation | None:
    """Return the generation of that slug, if there is a record of it."""
    path = DATA / "generations" / f"{slug}.toml"
    if not path.is_file():
        return None
    return Generation.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))


def generation_of(gpu: Gpu) -> Generation | None:
    """Return the generation of a card, or nothing where none is recorded."""
    if gpu.compute_capability:
        return _read(f"sm-{gpu.compute_capability}")
    return _read(gpu.architecture.lower().replace(" ", "-"))
