"""What the configurator keeps of a catalogue: models, cards, and the answers of a moment ago."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import UnknownNameError
from rightrig.facts.licence import OPEN, licence_reason
from rightrig.planning.survey import speeds
from rightrig.planning.survey.curated import curated
from rightrig.planning.survey.fits import Book
from rightrig.planning.survey.survey import Load, survey
from rightrig.quantities import GIGA
from rightrig.web.rendering import rendered
from rightrig.web.state import canonical, question
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.survey.survey import Survey
    from rightrig.web.state import Reading, State

PRESETS: Final = (
    ("1xrtx-4090", "1 × RTX 4090"), ("2xrtx-3090@nvlink", "2 × RTX 3090, NVLink"),
    ("4xrtx-4090", "4 × RTX 4090"), ("4xrtx-4090+1xa100-sxm-80gb", "4 × 4090 + 1 × A100"),
    ("1xl40s", "1 × L40S"), ("8xh100-sxm", "8 × H100"), ("2n:8xh200-sxm", "16 × H200"),
    ("8xmi300x", "8 × MI300X"), ("dgx-spark", "DGX Spark"),
    ("mac-studio-m3-ultra", "Mac Studio M3 Ultra"),
)  # fmt: skip
"""Rigs that people ask for; those whose cards the catalogue lacks are left out."""
_COUNTS: Final = (1, 2, 4, 8)
_WARM: Final = (
    *(text for text, _ in PRESETS),
    *(f"{count}x{card}"
      for card in ("rtx-4090", "rtx-3090", "h100-sxm", "a100-sxm-80gb", "rtx-5090", "l40s",
                   "h200-sxm", "b200-sxm", "l4", "rtx-a6000", "rtx-6000-ada", "rtx-pro-6000-ws",
                   "a100-pcie-40gb", "rtx-4080", "rtx-3060-12gb", "t4", "mi300x")
      for count in _COUNTS),
)  # fmt: skip
"""Rigs of the usual kinds, the most usual first."""
_WARM_LOAD: Final = Load(8192, 300)
_WARM_CONTEXTS: Final = (4096, 16_384, 32_768, 2048, 65_536, 131_072)
"""Asked of the first kind of card too: buffers of models that only llama.cpp runs hang on them."""
_PAUSE_S: Final = 0.05
_MOST_VERDICTS: Final = 4096
"""Questions whose verdicts are remembered: a byte a model each."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is worked out once of a catalogue.

    Attributes:
        book: Its models, and what is known of kinds of rigs.
        names: Of each model its slug for a URL, its name, and its owner with a slash.
        curated: Places of the models that stand for all.
        params_count: Parameters of each model …
        sizes: … and as people write them.
        is_open: Whether the licence of each is open.
        families: Of the models, those with most models first.
        cards: The options of all cards, by maker, as HTML.
        presets: Canonical rig and name.
        places: Where each slug is in the book.
        verdicts: Of the questions asked last, a byte a model.
    """

    catalog: Catalog
    book: Book
    names: tuple[tuple[str, str, str], ...]
    curated: frozenset[int]
    params_count: tuple[float, ...]
    sizes: tuple[str, ...]
    is_open: tuple[bool, ...]
    families: tuple[str, ...]
    cards: str
    presets: tuple[tuple[str, str], ...]
    places: Mapping[str, int]
    verdicts: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def llms(self) -> tuple[Llm, ...]:
        """The models, in the order of the book."""
        return self.book.llms

    def surveyed(self, reading: Reading) -> Survey:
        """Return what every model does on the rig of a state, and remember the verdicts.

        Raises:
            InputError: when a choice names what the catalogue does not know.
        """
        state = reading.state
        chosen = self.places.get(state.model)
        timed = None if state.every else self.curated | ({chosen} if chosen is not None else set())
        found = survey(self.book, reading.rig, state.choices, load_of(state), timed)
        with self.lock:
            self.verdicts[_key(state)] = found.held.verdict.astype("int8").tobytes()
            self.verdicts.move_to_end(_key(state))
            if len(self.verdicts) > _MOST_VERDICTS:
                self.verdicts.popitem(last=False)
        return found

    def verdicts_of(self, reading: Reading) -> bytes:
        """Return the verdict of every model in a state, from memory where it was just asked."""
        with self.lock:
            known = self.verdicts.get(_key(reading.state))
        if known is not None:
            return known
        return self.surveyed(reading).held.verdict.astype("int8").tobytes()


def _key(state: State) -> str:
    """Return what decides the verdicts of a state."""
    return canonical(question(state))


def load_of(state: State) -> Load:
    """Return what a state asks of every model."""
    rate = state.rate_requests_per_s or None
    return Load(state.context, state.output, state.users, rate)


_SHELVES: Final[WeakKeyDictionary[Catalog, Shelf]] = WeakKeyDictionary()
_MAKING: Final = threading.Lock()


def shelf_of(catalog: Catalog) -> Shelf:
    """Return the shelf of a catalogue, made once."""
    with _MAKING:
        found = _SHELVES.get(catalog)
        if found is None:
            found = _SHELVES[catalog] = _made(catalog)
    return found


def warm(catalog: Catalog) -> None:
    """Answer for rigs of the usual kinds, so that the first question of people is as quick.

    It gives way to questions that come meanwhile.
    """
    shelf = shelf_of(catalog)
    speeds.warm(shelf.llms)
    loads = [(text, _WARM_LOAD) for text in _WARM]
    loads += [
        (f"{count}xrtx-4090", replace(_WARM_LOAD, context_tokens=tokens))
        for tokens in _WARM_CONTEXTS
        for count in _COUNTS
    ]
    for text, load in loads:
        try:
            survey(shelf.book, parse_rig(text, catalog), Choices(), load, ())
        except UnknownNameError:
            continue  # a catalogue of the user's own may lack a card
        time.sleep(_PAUSE_S)


def _made(catalog: Catalog) -> Shelf:
    """Return the shelf of a catalogue."""
    book = Book(catalog)
    named = tuple(_named(llm) for llm in book.llms)
    families = Counter(llm.family for llm in book.llms)
    params_count = tuple(float(total_params_count(llm)) for llm in book.llms)
    return Shelf(
        catalog, book, named, curated(book.llms), params_count,
        tuple(_size_text(count) for count in params_count),
        tuple(licence_reason(llm, OPEN, catalog) is None for llm in book.llms),
        tuple(sorted(families, key=lambda name: (-families[name], name))),
        _cards(catalog), _presets(catalog),
        {llm.slug: place for place, llm in enumerate(book.llms)},
    )  # fmt: skip


def _size_text(params_count: float) -> str:
    """Return a number of parameters as people write it: ``8.03 B``."""
    billions = params_count / GIGA
    return f"{billions:.3g} B" if billions < 100.0 else f"{billions:,.0f} B"  # noqa: PLR2004 - three figures


def _named(llm: Llm) -> tuple[str, str, str]:
    """Return a model's slug for a URL, its name, and its owner with a slash."""
    owner, slash, name = llm.name.rpartition("/")
    return quote(llm.slug), name, owner + slash


def _cards(catalog: Catalog) -> str:
    """Return the options of the cards by maker, in the order of their slugs."""
    makers: dict[str, list[tuple[str, str]]] = {}
    for gpu in catalog.gpus():
        name = f"{gpu.slug} · {gpu.memory_marketed_gib:g} GB"
        makers.setdefault(gpu.vendor, []).append((gpu.slug, name))
    order = sorted(makers, key=lambda maker: -len(makers[maker]))
    pairs = [(maker, makers[maker]) for maker in order]
    return rendered("configurator_cards.html.jinja", makers=pairs)


def _presets(catalog: Catalog) -> tuple[tuple[str, str], ...]:
    """Return the usual rigs that the catalogue knows."""
    found = []
    for text, name in PRESETS:
        try:
            found.append((parse_rig(text, catalog).text, name))
        except UnknownNameError:
            continue  # a catalogue of the user's own may lack a card
    return tuple(found)
