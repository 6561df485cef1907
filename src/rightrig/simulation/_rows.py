"""Names for what numba gives types to: structured arrays and their rows."""

from __future__ import annotations

from typing import Any, TypeAlias

Row: TypeAlias = Any
"""A row of a structured array, or the record of a world: its fields are attributes in a kernel."""
Rows: TypeAlias = Any
"""A structured array."""
