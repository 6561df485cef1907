"""How a model is stored while it runs: bits a weight by tensor class, bits of a cached value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.llm import TensorClass
    from rightrig.work.operators import Floats


@dataclass(frozen=True, slots=True)
class Adapters:
    """LoRA adapters that sequences choose from; ``loaded_count`` 0 for none."""

    loaded_count: int = 0
    rank_count: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """Bits a weight by tensor class, and of a cached value; and the adapters beside them.

    Numbers, or arrays with an element for each of many deployments.
    """

    weight_bits: Mapping[TensorClass, Floats]
    kv_bits: Floats
    adapters: Adapters = Adapters()

    def weight_bytes(self, kind: TensorClass, params_count: Floats) -> Floats:
        """Return the bytes of some parameters of one class."""
        return params_count * (self.weight_bits[kind] / 8.0)
