"""From the name of a machine, or a rig's notation, to what is known of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError, UnknownNameError
from rightrig.planning.combos.combo import combo
from rightrig.planning.combos.memory import MEMORY_RATIO, OVERHEAD_BYTES
from rightrig.quantities import GIB, parse
from rightrig.report.catalogue import rig_document
from rightrig.report.combo import combo_document
from rightrig.report.combo_json import combo_json
from rightrig.report.record import record_json
from rightrig.verbs.found import Found

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.system import System
    from rightrig.planning.combos.combo import Combo
    from rightrig.report.schema.rigs import RigAnswerJson

_NOTATION: Final = re.compile(r"\d+\s*x\s*\S|[@+:]", re.IGNORECASE)
_MOST_OVERHEAD_BYTES: Final = 1024.0 * GIB


def shown(
    catalog: Catalog, name: str, overhead: str | None, memory_ratio: float | None
) -> Found[RigAnswerJson]:
    """Return a machine of the catalogue with its combo, or the combo of any rig.

    Raises:
        InputError: when it is neither, or an option is no size and no share.
    """
    system, rig = _named(catalog, name)
    size_bytes = OVERHEAD_BYTES
    if overhead is not None and overhead.strip() not in {"0", "0GiB", "0GB"}:
        size_bytes = parse(overhead, "bytes", name="--overhead", limit=_MOST_OVERHEAD_BYTES)
    elif overhead is not None:
        size_bytes = 0.0
    ratio = MEMORY_RATIO if memory_ratio is None else memory_ratio
    if not 0.0 < ratio <= 1.0:
        raise InputError(
            f"--gpu-memory-utilization is {ratio:g}: it is the share of the visible memory that "
            "is counted, above 0 and at most 1"
        )
    found = combo(catalog, rig, ratio, size_bytes)
    return Found(
        data=lambda: _shown_json(system, found),
        document=lambda: (*(rig_document(system) if system else ()), *combo_document(found)),
        yes=True,
        records=(*((system,) if system else ()), *(group.gpu for group in rig.groups)),
    )


def _shown_json(system: System | None, found: Combo) -> RigAnswerJson:
    """Return the combo as JSON, after the record of the machine if it is one."""
    if system is None:
        return {"combo": combo_json(found)}
    return {**record_json(system), "combo": combo_json(found)}


def _named(catalog: Catalog, name: str) -> tuple[System | None, Rig]:
    """Return the machine of a name and its cards, or no machine and the rig of a notation."""
    try:
        return catalog.system(name), parse_rig(name, catalog)
    except UnknownNameError:
        try:
            return None, parse_rig(name, catalog)
        except UnknownNameError:
            if _NOTATION.search(name):
                raise
    return catalog.system(name), parse_rig(name, catalog)
