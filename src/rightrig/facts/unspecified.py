"""Names that published results use and that cannot have a record, with the reason."""

from __future__ import annotations

import functools
import tomllib

from rightrig.facts.index import DATA


@functools.cache
def unspecified() -> dict[str, dict[str, str]]:
    """Return kind → name as its source spells it → why there is no record."""
    text = (DATA / "unspecified.toml").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = tomllib.loads(text)
    return tables
