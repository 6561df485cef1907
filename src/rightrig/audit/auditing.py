"""An audit: every figure of a table computed again and judged."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.audit.expression import compute, compute_rules
from rightrig.audit.judging import VERDICTS, Judgement, judged, with_rules
from rightrig.audit.naming import Setting
from rightrig.audit.reads import Watched
from rightrig.audit.stated import Number
from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rightrig.audit.amounts import Amount, Found
    from rightrig.audit.expression import Checked
    from rightrig.audit.figure import Figure
    from rightrig.audit.judging import Verdict
    from rightrig.deployment.rule import Violation
    from rightrig.facts.catalog import Catalog


MOST_S: Final = 60.0
"""A table that takes longer is refused: functions of a whole rig take milliseconds each."""


@dataclass(frozen=True, slots=True)
class Audited:
    """One figure, judged.

    Attributes:
        found: What its expression comes to; ``None`` where it has none.
        checked: Rules that it has to keep, and what they found.
        rests_on: Records, and fields of records, that were read for it.
    """

    figure: Figure
    judgement: Judgement
    found: Found | None = None
    checked: tuple[Checked, ...] = ()
    rests_on: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """What is thought of it."""
        return self.judgement.verdict

    @property
    def broken(self) -> tuple[Violation, ...]:
        """What it breaks of its rules."""
        return _broken(self.checked)

    @property
    def is_arithmetic(self) -> bool:
        """Whether it was computed from numbers of the text alone."""
        expression = self.figure.expression
        return expression is not None and expression.is_arithmetic


def audit(
    figures: Sequence[Figure], catalog: Catalog, *, today: datetime.date | None = None
) -> tuple[Audited, ...]:
    """Return every figure of a table judged, in its order; inputs are left out.

    Args:
        figures: Of one table: they may name each other.
        catalog: Whose records count.
        today: The day that ages of prices are counted from; the present one where absent.

    Raises:
        InputError: for an expression that cannot be computed, and says which; for a table that
            takes longer than ``MOST_S``.
    """
    stated = {figure.id: figure.stated for figure in figures}
    watched = Watched(catalog)
    setting = Setting(watched, today or datetime.datetime.now(tz=datetime.UTC).date(), stated)
    return tuple(_audited(figure, setting, watched) for figure in _in_time(figures))


def _in_time(figures: Iterable[Figure]) -> Iterator[Figure]:
    """Yield the claims of a table while there is time."""
    started_s = time.monotonic()
    for number, figure in enumerate((f for f in figures if not f.is_given), 1):
        if time.monotonic() - started_s > MOST_S:
            raise InputError(
                f"the first {number - 1:,} claims took more than {MOST_S:g} s; split the table"
            )
        yield figure


def _audited(figure: Figure, setting: Setting, watched: Watched) -> Audited:
    """Return one figure judged."""
    watched.forget()
    own = replace(setting, claimed=_claimed(figure))
    try:
        found = None if figure.expression is None else compute(figure.expression, own)
        checked = () if figure.lint is None else compute_rules(figure.lint, own)
        judgement = Judgement("unverifiable") if found is None else judged(figure.stated, found)
    except InputError as error:
        raise InputError(f"{figure.id}: {error}") from error
    judgement = with_rules(judgement, _broken(checked))
    return Audited(figure, judgement, found, checked, watched.seen())


def _broken(checked: Iterable[Checked]) -> tuple[Violation, ...]:
    """Return what some rules found broken."""
    return tuple(violation for rule in checked for violation in rule.broken)


def _claimed(figure: Figure) -> Amount | None:
    """Return what a figure states where that is one number."""
    if len(figure.stated) == 1 and isinstance(figure.stated[0], Number):
        return figure.stated[0].amount
    return None


def counted(audits: Iterable[Audited]) -> dict[Verdict, int]:
    """Return how many figures have each verdict, in the order of ``VERDICTS``."""
    found = [audited.verdict for audited in audits]
    return {verdict: found.count(verdict) for verdict in VERDICTS}
