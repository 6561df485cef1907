"""What one GGUF file says under its architecture's name, checked where it is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, UnsupportedModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.gguf import Value

MOST_LAYERS: Final = 10_000
_LARGEST: Final = 100_000_000
_LAYER: Final = re.compile(r"blk\.(\d{1,6})\.")


@dataclass(frozen=True, slots=True)
class Own:
    """The keys of one architecture and the shapes of the tensors.

    Attributes:
        values: Its keys, without its name.
        shapes: Shape of each tensor, row length first.
        name: What messages call the model.
        layer_count: Layers that decode.
        ahead_count: Layers for multi-token prediction that the file holds, after them.
    """

    values: Mapping[str, Value]
    shapes: Mapping[str, tuple[int, ...]]
    name: str
    layer_count: int
    ahead_count: int

    def has(self, key: str) -> bool:
        """Whether the file has a value other than 0, false or an empty text."""
        return bool(self.values.get(key))

    def number(self, key: str) -> int:
        """Return a whole number of at least 1, one for all layers."""
        value = self.values.get(key)
        if isinstance(value, tuple) and value and len(set(value)) == 1:
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST:
            raise self.wrong(key, "a whole number of at least 1")
        return value

    def each(self, key: str) -> tuple[int, ...]:
        """Return one whole number of at least 0 for each layer that decodes."""
        count = self.layer_count
        value = self.values.get(key)
        numbers = value if isinstance(value, tuple) else (value,) * count
        kept = tuple(
            number for number in numbers[:count]
            if isinstance(number, int) and 0 <= number <= _LARGEST
        )  # fmt: skip
        if len(kept) != count:
            raise self.wrong(key, f"a number of at least 0 for each of {count:,} layers")
        return kept

    def single(self, key: str) -> int:
        """Return the one number that layers have under a key, those with 0 apart."""
        found = sorted(set(self.each(key)) - {0})
        if len(found) != 1:
            raise self.unsupported(f"its layers differ in {key!r}")
        return found[0]

    def dimension(self, tensor: str, place: int) -> int:
        """Return one dimension of a tensor."""
        shape = self.shapes.get(tensor, ())
        if len(shape) <= place:
            raise InputError(f"{self.name}: the file lacks the tensor {tensor!r}")
        return shape[place]

    def wrong(self, key: str, wanted: str) -> InputError:
        """Return the error for a value of the wrong kind or size."""
        value = self.values.get(key)
        shown = f"a list of {len(value)}" if isinstance(value, tuple) else f"{value!a:.40}"
        return InputError(f"{self.name}: {key!r} is {shown}, not {wanted}")

    def unsupported(self, reason: str) -> UnsupportedModelError:
        """Return the error for a model that no reader understands."""
        return UnsupportedModelError(
            f"{self.name}: {reason}, which is not understood yet in this architecture"
        )


def own_of(values: Mapping[str, Value], shapes: Mapping[str, tuple[int, ...]], name: str) -> Own:
    """Return a file's keys and shapes, its layers counted.

    Files count layers for multi-token prediction with the others, also where these have been
    taken out since. Some (DeepSeek V4) name them and hold and count the others alone.

    Raises:
        InputError: when the number of layers is none.
        UnsupportedModelError: when the file holds layers for multi-token prediction alone.
    """
    count = values.get("block_count")
    if not isinstance(count, int) or not 0 < count <= MOST_LAYERS:
        shown = f"{count!a:.40}"
        raise InputError(
            f"{name}: 'block_count' is {shown}, not a whole number from 1 to {MOST_LAYERS:,}"
        )
    claimed = values.get("nextn_predict_layers")
    ahead = claimed if isinstance(claimed, int) and 0 < claimed < count else 0
    found = [(int(layer[1]), tensor) for tensor in shapes if (layer := _LAYER.match(tensor))]
    after = [tensor for layer, tensor in found if layer >= count - ahead]
    if after and not any(".nextn." in tensor for tensor in after):
        ahead, after = 0, []
    if after and len(after) == len(found):
        raise UnsupportedModelError(
            f"{name} holds layers for multi-token prediction alone; name the GGUF file of the "
            "language model"
        )
    return Own(values, shapes, name, count - ahead, ahead if after else 0)
