"""Every alert, in one table."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rightrig.watching.rules.alerts_cards import CARDS
from rightrig.watching.rules.alerts_engine import ENGINES
from rightrig.watching.rules.alerts_errors import ERRORS
from rightrig.watching.rules.alerts_links import LINKS
from rightrig.watching.rules.alerts_plan import PLAN
from rightrig.watching.rules.alerts_presence import PRESENCE
from rightrig.watching.rules.alerts_work import WORK

if TYPE_CHECKING:
    from rightrig.watching.rules.alert import Alert

ALERTS: Final[tuple[Alert, ...]] = (
    *PRESENCE, *ERRORS, *CARDS, *LINKS, *WORK, *ENGINES, *PLAN,
)  # fmt: skip
"""By group; those of one group stand together."""
BY_NAME: Final = MappingProxyType({alert.name: alert for alert in ALERTS})
