"""Licences of models: whether they are open, what they allow, and why a model does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.catalog import shipped

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.facts.terms import Licence

ANY: Final = "any"
OPEN: Final = "open"
COMMERCIAL: Final = "commercial"
LIMITS: Final = (ANY, COMMERCIAL, OPEN)
"""What may be asked of a licence beside its name, from the widest to the narrowest."""


def licence_of(llm: Llm, catalog: Catalog | None = None) -> Licence | None:
    """Return the licence of a model's weights; ``None`` where it or its terms are not known.

    Args:
        llm: The model.
        catalog: Whose licences count; ``None`` for those that come with rightrig.
    """
    licences = catalog or shipped()
    known = llm.licence and len(licences.claims("licences", llm.licence)) == 1
    return licences.licence(llm.licence) if known else None


def licence_reason(llm: Llm, allowed: str, catalog: Catalog | None = None) -> str | None:
    """Return why a model's licence does not pass, in one sentence; ``None`` where it does.

    Args:
        llm: The model.
        allowed: ``open`` (approved by the OSI), ``commercial`` (use for money is allowed, with a
            limit or without), ``any``, or a licence by name. A licence that is not known passes
            ``any`` alone.
        catalog: Whose licences count; ``None`` for those that come with rightrig.

    Raises:
        InputError: when ``allowed`` is none of these.
    """
    limit = allowed.strip().lower()
    if limit == ANY:
        return None
    wanted = None if limit in LIMITS else (catalog or shipped()).licence(allowed)
    licence = licence_of(llm, catalog)
    if licence is None:
        return _unknown(llm)
    if wanted is not None:
        passes, why = licence.slug == wanted.slug, f"and only the {wanted.name} is allowed"
    elif limit == OPEN:
        passes = licence.osi_approved
        why = "which the Open Source Initiative is not known to have approved"
    else:
        passes = licence.commercial != "no"
        why = f"without commercial use: {licence.limit.removesuffix('.')}"
    return None if passes else f"{llm.name} is under the {licence.name}, {why}."


def _unknown(llm: Llm) -> str:
    """Say that nothing is known of a licence."""
    if llm.licence:
        return f"{llm.name} is under {llm.licence!r}, and no record says what that allows."
    return f"The licence of {llm.name} is not known."
