"""``/compare``: up to three builds side by side, each against the first; the address has it all."""

from __future__ import annotations

import functools
import shlex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from rightrig.planning.builds import MOST_BUILDS, cloud_equivalent, compare
from rightrig.planning.combos.rivals import alike_rigs
from rightrig.quantities import HOURS_PER_MONTH, show_usd
from rightrig.report.views import SIGNS
from rightrig.verbs.compare import compare as compare_cards
from rightrig.web.kept import kept
from rightrig.web.linking import addresses, linked, rig_url
from rightrig.web.pages.compare_asked import Asked, asked_of, fields
from rightrig.web.pages.compare_rows import sections
from rightrig.web.pages.configurator_shelf import load_of, shelf_of
from rightrig.web.rendering import page, rendered
from rightrig.web.site import site_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from rightrig.costs.offers import Purchase
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.planning.builds import Comparison

router: Final = APIRouter(include_in_schema=False)
_TEMPLATE: Final = "compare.html.jinja"
_TITLE: Final = "Compare builds"
_SEE_OTHER: Final = 303
_WRONG: Final = 422
_EXAMPLES: Final = (
    ("4xrtx-4090", "1xh100-sxm", "2xl40s"),
    ("2xrtx-3090@nvlink", "1xrtx-5090"),
    ("8xh100-sxm", "8xh200-sxm", "8xmi300x"),
    ("4xrtx-4090", "4xrtx-4090+1xa100-sxm-80gb"),
)


@router.get("/compare")
async def compare_page(request: Request) -> Response:
    """Return the comparison that the address asks for, and the form for another."""
    catalog = site_of(request).catalog
    asked = asked_of(request, catalog)
    if asked.wrong or asked.notices:
        values = await run_in_threadpool(_values, catalog, asked)
        return page(request, _TEMPLATE, status=_WRONG if asked.wrong else 200, **values)
    if not asked.is_canonical:
        return RedirectResponse(asked.url(asked.texts), _SEE_OTHER)

    def made() -> bytes:
        return rendered(_TEMPLATE, here=request.url.path, **_values(catalog, asked)).encode()

    return await kept(request, lambda: run_in_threadpool(made))


@router.get("/compare/cloud")
async def cloud(request: Request) -> Response:
    """Lead to the comparison with the rented rig that does what the first one does."""
    catalog = site_of(request).catalog
    asked = asked_of(request, catalog)
    refused = _refusal(asked)
    if refused:
        return await _told(request, asked, refused, _WRONG)
    found = await run_in_threadpool(_cloud, catalog, asked)
    if found is None:
        name = asked.texts[0]
        told = f"No rented rig of 1 to 8 cards serves that model as quickly as {name}."
        return await _told(request, asked, told, 200)
    texts = dict.fromkeys((*asked.texts, found[0].text))
    return RedirectResponse(asked.url(tuple(texts)), _SEE_OTHER)


async def _told(request: Request, asked: Asked, sentence: str, status: int) -> Response:
    """Return the comparison as it is, with a sentence."""
    values = await run_in_threadpool(_values, site_of(request).catalog, asked)
    return page(request, _TEMPLATE, status=status, **{**values, "wrong": (sentence,)})


def _refusal(asked: Asked) -> str:
    """Return why no rig can be added to a comparison; empty where one can."""
    if asked.wrong:
        return asked.wrong[0]
    if not asked.rigs:
        return "Name a rig first: its cloud equivalent is then looked for."
    if len(asked.rigs) == MOST_BUILDS:
        return f"{MOST_BUILDS} builds are pinned, the most that are compared: remove one first."
    return ""


def _compared(catalog: Catalog, asked: Asked) -> Comparison:
    """Return the comparison of the rigs that are understood."""
    book, state = shelf_of(catalog).book, asked.state
    return compare(book, asked.rigs, load_of(state), state.choices, asked.llm(catalog))


def _cloud(catalog: Catalog, asked: Asked) -> tuple[Rig, Purchase] | None:
    """Return the rented rig that does what the first one does."""
    return cloud_equivalent(catalog, _compared(catalog, asked).builds[0])


def _values(catalog: Catalog, asked: Asked) -> dict[str, object]:
    """Return what the page shows."""
    shown: dict[str, object] = {
        "title": _TITLE, "asked": asked, "fields": fields(asked), "wrong": asked.wrong,
        "notices": asked.notices, "most": MOST_BUILDS, "signs": SIGNS, "comparison": None,
        "rig_names": _rig_names(catalog), "examples": _examples(catalog, asked),
        "models": tuple(catalog.llm(slug).name for slug in catalog.slugs("llms")),
    }  # fmt: skip
    if not asked.rigs:
        return shown
    found = _compared(catalog, asked)
    return shown | {
        "comparison": found,
        "advice": found.explain().sentences,
        "sections": sections(found),
        "pinned": [_pinned(asked, text) for text in asked.texts],
        "others": _others(catalog, asked, found),
        "cards": _card_by_card(catalog, asked),
        "command": " ".join(["rightrig compare", *map(shlex.quote, asked.texts)]),
        "api": f"/api/v1/compare?{urlencode([('rigs', text) for text in asked.texts])}",
    }


def _pinned(asked: Asked, text: str) -> dict[str, str]:
    """Return the links of one pinned build."""
    rest = [other for other in asked.texts if other != text]
    return {
        "text": text,
        "page": rig_url(text),
        "configure": asked.configurator_url(text),
        "remove": asked.url(rest),
        "first": asked.url((text, *rest)),
    }


def _others(
    catalog: Catalog, asked: Asked, found: Comparison
) -> dict[str, list[dict[str, str]]]:  # fmt: skip
    """Return rigs to pin too: of the same budget, and of the same memory as the first."""
    first = found.builds[0]
    kinds = alike_rigs(catalog, first.rig, first.rent_usd_per_month)
    return {
        name: [_offered(asked, *pair) for pair in pairs if pair[0].text not in asked.texts]
        for name, pairs in zip(("budget", "memory"), kinds, strict=True)
    }


def _offered(asked: Asked, rig: Rig, bought: Purchase) -> dict[str, str]:
    """Return a rig that can be pinned too."""
    hourly = show_usd(bought.rent_usd_per_month / HOURS_PER_MONTH)
    return {"text": rig.text, "rent": f"{hourly}/h", "pin": asked.url((*asked.texts, rig.text))}


def _card_by_card(catalog: Catalog, asked: Asked) -> Markup | None:
    """Return the table of the verb ``compare``; ``None`` where it has nothing to compare."""
    if len(asked.rigs) == 1 or not all(rig.is_uniform for rig in asked.rigs):
        return None
    return linked(compare_cards(catalog, list(asked.texts)).document(), catalog, 3)


@functools.lru_cache(maxsize=4)
def _rig_names(catalog: Catalog) -> tuple[str, ...]:
    """Return rigs to choose from while writing: the machines, and each card alone."""
    cards = (f"1x{slug}" for slug in catalog.slugs("gpus"))
    return (*(text for text, _ in shelf_of(catalog).presets), *catalog.slugs("systems"), *cards)


def _examples(catalog: Catalog, asked: Asked) -> Sequence[tuple[str, str]]:
    """Return comparisons that people ask for: name and address."""
    known = addresses(catalog)

    def is_known(text: str) -> bool:
        return all(part.partition("x")[2].partition("@")[0] in known for part in text.split("+"))

    return [
        (" or ".join(texts), asked.url(texts)) for texts in _EXAMPLES if all(map(is_known, texts))
    ]
