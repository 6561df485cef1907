"""The smallest rigs of a model: fewer cards do not hold it, and the cheapest come first."""

from __future__ import annotations

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.fits import models_that_fit
from rightrig.planning.smallest import USUAL_TOKENS, smallest_rigs

CARDS = ("rtx-4090", "rtx-3090", "h100-sxm", "l4", "a10")


def test_fewer_cards_do_not_hold_the_model() -> None:
    """Half of each rig is too small, in every format."""
    catalog = shipped()
    llm = catalog.llm("llama-3.3-70b")
    rigs = smallest_rigs(catalog, llm, [catalog.gpu(name) for name in CARDS])
    counts = {one.rig.gpu.slug: one.rig.cards_count for one in rigs}
    assert counts == {"rtx-4090": 2, "rtx-3090": 2, "h100-sxm": 1, "l4": 4, "a10": 4}
    for slug, count in counts.items():
        if count > 1:
            less = parse_rig(f"{count // 2}x{slug}", catalog)
            fit = models_that_fit(catalog, less, USUAL_TOKENS, 1, Choices(), (llm,))[0]
            assert fit.verdict in {"no", "offload"}


def test_the_cheapest_to_rent_come_first() -> None:
    """Rents rise down the list; rigs without a known rent stand below."""
    catalog = shipped()
    rigs = smallest_rigs(catalog, catalog.llm("qwen3-8b"), catalog.gpus())
    rents = [one.purchase.rent_usd_per_month if one.purchase else None for one in rigs]
    known = [rent for rent in rents if rent is not None]
    assert known
    assert known == sorted(known)
    assert rents[: len(known)] == known


def test_a_model_too_large_for_eight_cards_has_no_rig_of_them() -> None:
    """DeepSeek-R1 fits no eight RTX 4090."""
    catalog = shipped()
    assert smallest_rigs(catalog, catalog.llm("deepseek-r1"), [catalog.gpu("rtx-4090")]) == ()
