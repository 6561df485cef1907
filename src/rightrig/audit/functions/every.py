"""Every function that expressions may call, by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rightrig.audit.functions.budgets import BUDGETS
from rightrig.audit.functions.cards import CARD_FACTS, CARDS
from rightrig.audit.functions.claims import CLAIMS
from rightrig.audit.functions.facts import FACTS
from rightrig.audit.functions.failures import FAILURES
from rightrig.audit.functions.formulas import FORMULAS
from rightrig.audit.functions.kinds import KIND_FACTS, KINDS
from rightrig.audit.functions.links import LINK_FACTS, LINKS
from rightrig.audit.functions.models import MODELS
from rightrig.audit.functions.money import ENDS, MONEY, OFFERS
from rightrig.audit.functions.owning import OWNING, OWNING_FACTS
from rightrig.audit.functions.rules import RULES
from rightrig.audit.functions.sharing import SHARING
from rightrig.audit.functions.speed import BOUNDS, SPEED
from rightrig.audit.functions.training import TRAINING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.audit.naming import Kind

GROUPS: Final[tuple[tuple[Kind, tuple[Callable[..., Any], ...]], ...]] = (
    ("claim", (*CLAIMS, *ENDS, *BOUNDS)),
    ("fact", (*FACTS, *CARD_FACTS, *LINK_FACTS, *KIND_FACTS, *OWNING_FACTS, *OFFERS)),
    (
        "formula",
        (
            *FORMULAS,
            *MODELS,
            *SPEED,
            *CARDS,
            *LINKS,
            *FAILURES,
            *BUDGETS,
            *MONEY,
            *SHARING,
            *KINDS,
            *OWNING,
            *TRAINING,
        ),
    ),
    ("rule", RULES),
)
