"""The catalogue of whoever asks: the shipped one, with the user's own records laid over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog


def own_catalog(folders: Sequence[str] = (), *, shipped_prices: bool = False) -> Catalog:
    """Return the shipped catalogue with the user's own folder and others laid over it.

    Args:
        folders: Named by the user, each over those before it.
        shipped_prices: Whether prices that the user refreshed do not count.
    """
    from rightrig.facts.user_catalog import load_catalog, user_folder
    from rightrig.verbs.refreshed import refreshed_prices
    from rightrig.verbs.this_machine import this_machine

    own = user_folder()
    newer = None if shipped_prices else refreshed_prices
    return load_catalog([*((own,) if own else ()), *folders], newer, this_machine)
