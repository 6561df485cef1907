"""What the page of a rig shows, made in a worker: it takes seconds of a processor.

A worker answers it as it answers verbs, but no edge offers it as one: it is the document of
``rigs show`` in the order of a page, with links and a drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import parse_rig
from rightrig.errors import UnknownNameError
from rightrig.planning.combos.combo import combo
from rightrig.planning.combos.speed import LENGTHS
from rightrig.planning.questions.measurements import run_command
from rightrig.quantities import GIB, show_seconds
from rightrig.report.catalogue import rig_document
from rightrig.report.combo import combo_parts
from rightrig.report.combo_json import combo_json
from rightrig.report.document import Paragraph
from rightrig.report.sources import sources_of
from rightrig.report.views import SIGNS
from rightrig.verbs.found import Found
from rightrig.web.linking import configurator_url, linked
from rightrig.web.rendering import rendered
from rightrig.web.topology import drawing_of

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.system import System
    from rightrig.planning.combos.combo import Combo
    from rightrig.report.document import Document
    from rightrig.report.schema.rigs import ComboJson

WORDS: Final = ("page", "rig")
"""How a worker is asked for it."""
_VERDICTS: Final = {"ready": "fits", "with limits": "tight", "not as it is": "no"}
_SECTIONS: Final = (
    ("memory", "Memory", ("memory",)),
    ("topology", "Links", ("links",)),
    ("runtimes", "Engines", ("runtimes",)),
    ("splits", "Ways to split a model", ("splits",)),
    ("models", "Models that fit", ("models",)),
    ("traits", "Best and bad at", ("best", "bad", "avoid")),
    ("failures", "Failures and readiness", ("failures",)),
    ("alternatives", "Alternatives", ("alternatives",)),
    ("money", "Rent or buy", ("price", "owning")),
    ("power", "Power", ("power",)),
)  # fmt: skip
"""Anchor, heading and parts of each section, in the order of the page."""


def rig_page(catalog: Catalog, name: str) -> Found[ComboJson]:
    """Return the body of a rig's page as text.

    Args:
        catalog: Whose records answer.
        name: A machine, or a rig in its notation.

    Raises:
        InputError: for a rig that cannot be, or one of too many cards.
    """
    found, system = combo(catalog, parse_rig(name, catalog)), system_of(catalog, name)
    return Found(
        data=lambda: combo_json(found),
        document=lambda: tuple(b for part in combo_parts(found).values() for b in part),
        text=lambda: _body(catalog, found, system),
    )


def system_of(catalog: Catalog, name: str) -> System | None:
    """Return the machine of a name; ``None`` where it is a rig's notation."""
    try:
        return catalog.system(name)
    except UnknownNameError:
        return None


def _body(catalog: Catalog, found: Combo, system: System | None) -> str:
    """Return the sections as HTML."""
    parts = combo_parts(found)
    sections = [
        (anchor, heading, linked(_joined(parts, names), catalog, 3))
        for anchor, heading, names in _SECTIONS
    ]
    word = found.risk.readiness.word
    return rendered(
        "rigs_body.html.jinja", signs=SIGNS, verdict=_VERDICTS[word], readiness=word,
        sentence=_sentence(found), configurator_url=configurator_url(found.rig.text),
        rig=found.rig.text, gpu=found.rig.gpu.slug if found.rig.is_uniform else "",
        about=_machine(catalog, system), sections=sections,
        drawing=drawing_of(found.rig), next=_next(found),
        sources=sources_of((*((system,) if system else ()), *(g.gpu for g in found.rig.groups))),
    )  # fmt: skip


def _machine(catalog: Catalog, system: System | None) -> str:
    """Return the record of a machine; nothing for a rig that is none."""
    if system is None:
        return ""
    bare = system.model_copy(update={"sources": ()})  # they have a table of their own
    return linked(rig_document(bare)[1:], catalog, 3)


def _joined(parts: dict[str, Document], names: tuple[str, ...]) -> Document:
    """Return parts one after another; a heading of one part's only title becomes a sentence."""
    blocks = [block for name in names for block in parts[name]]
    return tuple(
        Paragraph(block.text.rstrip(".") + ".")
        if place == 0 and isinstance(block, Paragraph) and block.style == "title"
        else block
        for place, block in enumerate(blocks)
    )


def _sentence(found: Combo) -> str:
    """Return what the rig comes to, in a sentence."""
    memory = found.memory
    largest = f", the largest {found.models[0].llm.name}" if found.models else ""
    return (
        f"{len(found.models)} of {found.models_count} models fit{largest}; "
        f"{memory.effective_bytes / GIB:.1f} GiB of memory are effective of "
        f"{memory.visible_bytes / GIB:.1f} GiB that engines see."
    )


def _next(found: Combo) -> tuple[str, str]:
    """Return what to measure next, and the command that does; both empty where nothing runs."""
    best = found.own.speeds.widest
    if found.truth is None or best is None or not best.tokens_per_s or not best.tpot_s:
        return "", ""
    rate = best.tokens_per_s.mid / LENGTHS.output_tokens
    told = (
        f"Speeds of {found.own.speeds.llm.name} here rest on this evidence: {best.evidence}. Its "
        f"time per token lies between {show_seconds(best.tpot_s.low)} and "
        f"{show_seconds(best.tpot_s.high)} with 80 %. A run of your own narrows it; "
        "'rightrig accuracy FILE' then judges the prediction, and 'rightrig calibrate FILE' "
        "fits it to your rig:"
    )
    return told, run_command(found.truth.deployment, LENGTHS, rate)
