"""How often hardware fails, by published counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from rightrig.errors import InputError
from rightrig.facts.failure_rate import FailingPart
from rightrig.facts.reading import plain
from rightrig.reliability.rates import rate_of

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.interval import Interval


def failures_per_s(setting: Setting, record: str, part: str = "") -> Interval:
    """Return the failures of one device (GPU, node, gigabyte) by a published count.

    ``rightrig risk presets`` lists the records; a part (``memory``, ``gpu``, ``network`` …) counts
    alone where one is named.

    Raises:
        InputError: for a part that is none or that the record does not count, and where it states
            no rate.
    """
    parts = get_args(FailingPart)
    if part and part not in parts:
        raise InputError(f"{plain(part, 24)!r} is no part; write {', '.join(parts)}")
    found = setting.catalog.failure_rate(record)
    if part and part not in {cause.part for cause in found.causes}:
        raise InputError(f"{found.slug} counts no failure of {part}; leave the part out")
    wanted = (part,) if part else ()
    return rate_of(found, *wanted).per_s


FAILURES: Final = (failures_per_s,)
