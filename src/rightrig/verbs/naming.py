"""The model that a command names; the edge may ask the hub, which the catalogue may not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.facts.models import find_llm
from rightrig.facts.reach import is_confined

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm


def model_named(text: str, catalog: Catalog) -> Llm:
    """Return the model of a catalogue name, a path, or a hub id."""
    return find_llm(text, catalog, fetch=None if is_confined() else _fetch)


def _fetch(hub_id: str) -> Path:
    """Fetch a configuration; the room of networks is imported by those who need it."""
    from rightrig.fetching.hub import fetch_config

    return fetch_config(hub_id)
