"""Names of published tables that no record answers to, each with the reason."""

from __future__ import annotations

import functools
import tomllib

from rightrig.facts.index import DATA


@functools.cache
def unspecified() -> dict[tuple[str, str], str]:
    """Return (kind of record, name) → why there is no record."""
    text = (DATA / "no_specification.toml").read_text(encoding="utf-8")
    return {(row["kind"], row["name"]): row["reason"] for row in tomllib.loads(text)["name"]}
