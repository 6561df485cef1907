"""A measured figure with its budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure and its budget; ``least`` is for figures that should be large."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def is_kept(self) -> bool:
        """Whether the budget is kept."""
        high = self.most is None or self.value <= self.most
        return high and (self.least is None or self.value >= self.least)

    @property
    def budget(self) -> str:
        """The budget as text; empty without one."""
        if self.most is not None:
            return f"{self.most:g}"
        return "" if self.least is None else f"at least {self.least:g}"
