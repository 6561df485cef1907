"""What ``checklist`` reads of a file beside its deployment: the asked rate, the price."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.verbs.price_ages import today
from rightrig.verbs.renting import rent_of

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.watching.checklist.evidence import PriceSeen
    from rightrig.watching.expected import Expected

_KIND: Final = "plan"
_MOST_BYTES: Final = 64_000_000
_OWN: Final = "as the file says"


@dataclass(frozen=True, slots=True)
class Said:
    """What a file says.

    Attributes:
        asked_requests_per_s: Without the headroom of a plan; ``None`` where nobody asked for one.
        offer: Whose rent it is, as JSON; empty where the file names no offer.
    """

    asked_requests_per_s: float | None = None
    offer: dict[str, Any] = field(default_factory=dict)


def said_by(file: str) -> Said:
    """Return what a file says that a plan, a prediction or a simulation was read from.

    Raises:
        InputError: where it cannot be read.
    """
    from rightrig.facts.reading import json_object, read_bounded

    name, mark, number = file.rpartition("#")
    is_numbered = bool(mark) and number.isdigit()
    path = Path(name if is_numbered else file)
    document: dict[str, Any] = json_object(read_bounded(path, _KIND, _MOST_BYTES), path, _KIND)
    if "plans" not in document:
        return Said(None, _object(document.get("price")))
    chosen = document["plans"][int(number) - 1 if is_numbered else 0]
    asked = float(document["question"]["rate_requests_per_s"])
    return Said(asked, _object(chosen.get("purchase")))


def _object(value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def price_of(
    catalog: Catalog,
    said: Said,
    planned: Planned,
    deployment: Deployment | None,
    expected: Expected | None,
) -> PriceSeen | None:
    """Return what one machine costs: as its file says, or the cheapest offer of the catalogue."""
    from rightrig.facts.price import staleness
    from rightrig.facts.reading import plain
    from rightrig.watching.checklist.evidence import PriceSeen

    if planned.cost_usd_per_hour is not None:
        rent = planned.cost_usd_per_hour if expected is None else expected.cost_usd_per_hour
        date, provider = (plain(said.offer.get(key) or "", 60) for key in ("date", "provider"))
        source = f"{_OWN}: {provider}, {date}" if date else _OWN
        warning = staleness(date, today()) if date else ""
        return PriceSeen(rent or planned.cost_usd_per_hour, source, warning)
    found = None if deployment is None else rent_of(catalog, deployment, None)
    if found is None or found.purchase is None:
        return None
    price = found.purchase.price
    source = f"the cheapest offer, {price.provider}, {price.date}"
    return PriceSeen(found.rent_usd_per_hour, source, price.staleness(today()))
