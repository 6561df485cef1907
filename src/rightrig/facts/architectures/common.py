"""A typed view on a model configuration: every value is checked where it is read.

A wrong value becomes one sentence that names the key, the value and what is accepted, so
that no reader of a family checks anything itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rightrig.errors import InputError, UnsupportedModelError

# Each limit lies a hundredfold or more above the largest model known; beyond it a value is
# a typing error, and sums over it would only take time.
_LIMITS: Final[dict[str, int]] = {
    "layers": 10_000,
    "hidden": 1_000_000,
    "vocab": 10_000_000,
    "position": 1_000_000_000,
    "length": 1_000_000_000,
    "window": 1_000_000_000,
    "chunk": 1_000_000_000,
    "seq_len": 1_000_000_000,
    "expert": 100_000,
    "head": 100_000,
    "rank": 1_000_000,
}
_LIMIT_OF_ALL_OTHERS: Final = 10_000_000
_KEYS_OF_EXPERT_WIDTH: Final = ("intermediate_size", "expert_dim")
_LONGEST_SHOWN: Final = 60
_MOST_SHOWN_BITS: Final = 128


def shown(value: object) -> str:
    """Return a value as an error message prints it: short, on one line."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if isinstance(value, int) and value.bit_length() > _MOST_SHOWN_BITS:
        return f"a whole number of {value.bit_length()} bits"
    text = ascii(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."


def limit_of(key: str) -> int:
    """Return the largest value that a dimension of this name may have."""
    if any(part in key for part in _KEYS_OF_EXPERT_WIDTH):
        return _LIMIT_OF_ALL_OTHERS
    return next((high for part, high in _LIMITS.items() if part in key), _LIMIT_OF_ALL_OTHERS)


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration and the name that messages call it by. ``null`` counts as absent."""

    values: Mapping[str, object]
    name: str

    def has(self, key: str) -> bool:
        """Whether the key holds a value."""
        return self.values.get(key) is not None

    def first(self, *keys: str) -> str:
        """Return the first key that holds a value, or the first of all."""
        return next((key for key in keys if self.has(key)), keys[0])

    def count(self, key: str, default: int | None = None, *, high: int | None = None) -> int:
        """Return a whole number of at least 1; without a default the key is required."""
        found = self.optional_count(key, high=high)
        if found is not None:
            return found
        if default is None:
            raise InputError(f"{self.name}: the configuration lacks {key!r}, a whole number")
        return default

    def optional_count(
        self, key: str, *, low: int = 1, high: int | None = None, none_is: int | None = None
    ) -> int | None:
        """Return a whole number of at least ``low``, or ``None`` when absent or ``none_is``."""
        value = self.values.get(key)
        if value is None:
            return None
        highest = limit_of(key) if high is None else high
        number = _whole(value)
        if number is not None and number == none_is:
            return None
        if number is None or not low <= number <= highest:
            raise self.wrong(key, f"a whole number from {low:,} to {highest:,}")
        return number

    def amount(self, key: str) -> int:
        """Return a whole number of at least 0; absent is 0."""
        return self.optional_count(key, low=0) or 0

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts; absent is empty."""
        value = self._list(key)
        if not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(str(item) for item in value)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers of at least 0; absent is empty."""
        found = [_whole(item) for item in self._list(key)]
        numbers = tuple(number for number in found if number is not None and number >= 0)
        if len(numbers) != len(found):
            raise self.wrong(key, "a list of whole numbers")
        return numbers

    def table(self, key: str) -> Config | None:
        """Return a table inside the configuration, or ``None``."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(key, "a table")
        return Config(value, self.name)

    def tables(self, key: str) -> list[Config]:
        """Return a list of tables; absent is empty."""
        value = self._list(key)
        if not all(isinstance(item, Mapping) for item in value):
            raise self.wrong(key, "a list of tables")
        return [Config(item, self.name) for item in value if isinstance(item, Mapping)]

    def replaced(self, values: Mapping[str, object]) -> Config:
        """Return the configuration with some values changed."""
        return Config({**self.values, **values}, self.name)

    def wrong(self, key: str, wanted: str) -> InputError:
        """Return the error for a value of the wrong kind or size."""
        return InputError(f"{self.name}: {key!r} is {shown(self.values.get(key))}, not {wanted}")

    def unsupported(self, reason: str) -> UnsupportedModelError:
        """Return the error for something that is not understood yet."""
        return UnsupportedModelError(f"{self.name}: {reason}")

    def _list(self, key: str) -> list[object]:
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list | tuple) or len(value) > _LIMIT_OF_ALL_OTHERS:
            raise self.wrong(key, "a list")
        return list(value)


def _whole(value: object) -> int | None:
    """Return a JSON number as a whole number (4096 and 4096.0), or ``None``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        return None
    return int(value)
