"""From the words of ``audit`` to what it shows: a table of claims, one claim, or the functions."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from rightrig.audit.auditing import audit
from rightrig.audit.figure import SHIPPED, figure_of, read_figures
from rightrig.audit.judging import VERDICTS
from rightrig.audit.stated import Number
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.report.audit import Audit, Change, audit_document
from rightrig.report.audit_functions import functions_document
from rightrig.report.audit_json import audit_json, functions_json
from rightrig.report.audit_one import claim_document
from rightrig.report.audit_texts import claimed_text
from rightrig.verbs.found import Found
from rightrig.verbs.price_ages import today

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rightrig.audit.auditing import Audited
    from rightrig.audit.expression import Expression
    from rightrig.audit.figure import Figure
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.report.schema.auditing import AuditAnswerJson

_SINGLE_ID: Final = "claim"
_LEADING: Final = re.compile(r"[~<>$]?[\d.,+\-–~$/ ]*\d(?:e[+-]?\d+)?(?: ?[%+])?", re.IGNORECASE)
_PREFIXED: Final = re.compile(r"^([kKMGTP])\s+")
_MOST_CHANGES: Final = 16
_LONGEST_CLAIM: Final = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """Which claims are shown: all where nothing is said."""

    only: str | None = None
    id: str | None = None
    source: str | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Single:
    """One claim that stands in no file."""

    claimed: str | None = None
    by: str | None = None
    lint: str | None = None
    quote: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of ``audit``."""

    file: str | None
    filters: Filters
    changes: tuple[str, ...]
    single: Single
    functions: bool = False


def answer_of(catalog: Catalog, asked: Asked) -> Found[AuditAnswerJson]:
    """Return what an audit answers.

    Raises:
        InputError: for words that do not go together, and for a table or claim that is wrong.
    """
    has_single = _is_any(asked.single)
    has_table = asked.file is not None or _is_any(asked.filters) or bool(asked.changes)
    if asked.functions + has_single + has_table > 1:
        raise InputError(
            "a table with its filters, one claim (--claimed with --by, --lint, --quote) and "
            "--functions are three questions: ask one"
        )
    if asked.functions:
        return Found(data=functions_json, document=functions_document)
    if has_single:
        return _single(catalog, asked.single)
    return _table(catalog, asked)


def _is_any(words: Filters | Single) -> bool:
    """Whether anything is said."""
    return any(getattr(words, one.name) is not None for one in fields(words))


def _single(catalog: Catalog, words: Single) -> Found[AuditAnswerJson]:
    """Return one claim, judged and explained."""
    if words.claimed is None or (words.by is None and words.lint is None):
        raise InputError(
            "one claim has a figure and what computes it: --claimed '98 tok/s' --by "
            '\'decode_roof("llama-2-70b", "h100-sxm", "awq")\', or --lint and a rule'
        )
    number, unit = claim_parts(words.claimed)
    figure = figure_of({
        "id": _SINGLE_ID, "quote": words.quote or "", "claimed": number, "unit": unit,
        "expression": words.by or "", "lint": words.lint or "",
    })  # fmt: skip
    every = audit((figure,), catalog, today=today())
    return _found(catalog, Audit(every, every), is_judged=True)


def claim_parts(text: str) -> tuple[str, str]:
    """Return the number and the unit of a claim in one text; words have no unit.

    >>> claim_parts("98 tok/s"), claim_parts("$1,599"), claim_parts("16x"), claim_parts("yes")
    (('98', 'tok/s'), ('$1,599', 'USD'), ('16', 'x'), ('yes', ''))
    """
    cleaned = text.strip()
    found = _LEADING.match(cleaned[:_LONGEST_CLAIM])
    if found is None:
        return cleaned, ""
    number, unit = found[0].strip(), _PREFIXED.sub(r"\1", cleaned[found.end() :].strip())
    if number.endswith("%"):
        return number.removesuffix("%").strip(), "%" + unit
    if number.startswith("$"):
        return number, f"USD{unit}"
    return number, f"count{unit}" if unit.startswith("/") else unit


def _table(catalog: Catalog, asked: Asked) -> Found[AuditAnswerJson]:
    """Return a table, judged: all of it, or what the filters leave."""
    figures = read_figures(SHIPPED if asked.file is None else Path(asked.file))
    if asked.changes:
        found = _changed(catalog, figures, asked)
    else:
        every = audit(figures, catalog, today=today())
        shown = _chosen(every, asked.filters)
        read = {name for one in shown for name in _named(one.figure)}
        stated = {figure.id: claimed_text(figure) for figure in figures if figure.id in read}
        found = Audit(every, shown, stated=stated)
    return _found(catalog, found, is_judged=asked.file is not None)


def _changed(catalog: Catalog, figures: Sequence[Figure], asked: Asked) -> Audit:
    """Return the claims that read a row which states something else now."""
    by_id = {figure.id: figure for figure in figures}
    instead = dict(_change(text, by_id) for text in asked.changes[:_MOST_CHANGES])
    if len(asked.changes) > _MOST_CHANGES:
        raise InputError(f"--set is given {len(asked.changes)} times and may be {_MOST_CHANGES}")
    changed = [instead.get(figure.id, figure) for figure in figures]
    after = audit(changed, catalog, today=today())
    shown = _chosen(after, asked.filters)
    reads = [one for one in shown if instead.keys() & {one.figure.id, *_named(one.figure)}]
    wanted = {one.figure.id for one in reads}
    earlier = audit(figures, catalog, today=today())
    before = {one.figure.id: one for one in earlier if one.figure.id in wanted}
    changes = [
        Change(name, claimed_text(now), claimed_text(by_id[name])) for name, now in instead.items()
    ]
    return Audit(after, tuple(reads), tuple(changes), before)


def _change(text: str, by_id: Mapping[str, Figure]) -> tuple[str, Figure]:
    """Return a row as it is with another statement."""
    name, sign, value = text.partition("=")
    name = name.strip()
    if not sign or name not in by_id:
        raise InputError(
            f"--set is {plain(text, 60)!r}: write the id of a row and what it states instead, such "
            "as C005=2000"
        )
    row = by_id[name]
    cells = {
        "id": row.id, "source": row.source, "quote": row.quote, "quantity": row.quantity,
        "claimed": value, "unit": row.unit, "note": row.note,
        "expression": "" if row.expression is None else row.expression.text,
        "lint": "" if row.lint is None else row.lint.text,
    }  # fmt: skip
    changed = figure_of(cells)
    if len(changed.stated) != len(row.stated) or isinstance(changed.stated[0], Number) != (
        isinstance(row.stated[0], Number)
    ):
        raise InputError(
            f"--set gives {name} {plain(value, 40)!r}, and it states {claimed_text(row)}: write "
            "something of that kind"
        )
    return name, changed


def _named(figure: Figure) -> frozenset[str]:
    """Return the words in quotes of a figure's expression and rules: the rows that it reads."""
    parts = (figure.expression, figure.lint)
    return frozenset(word for one in parts if one is not None for word in _words(one))


def _words(expression: Expression) -> frozenset[str]:
    """Return the words in quotes of an expression."""
    nodes = ast.walk(expression.tree)
    return frozenset(n.value for n in nodes if isinstance(n, ast.Constant)
                     and isinstance(n.value, str))  # fmt: skip


def _chosen(every: Sequence[Audited], filters: Filters) -> tuple[Audited, ...]:
    """Return the claims that the filters leave.

    Raises:
        InputError: for a verdict or an id that there is not.
    """
    tests: list[Callable[[Audited], bool]] = []
    if filters.only is not None:
        verdicts = _listed(filters.only, VERDICTS, "--only", "verdict")
        tests.append(lambda one: one.verdict in verdicts)
    if filters.id is not None:
        ids = _listed(filters.id, [one.figure.id for one in every], "--id", "claim")
        tests.append(lambda one: one.figure.id in ids)
    if filters.source is not None:
        sources = _sources(every, filters.source)
        tests.append(lambda one: one.figure.source in sources)
    if filters.about is not None:
        words = filters.about.casefold()
        tests.append(lambda one: words in f"{one.figure.quote}\n{one.figure.quantity}".casefold())
    return tuple(one for one in every if all(test(one) for test in tests))


def _listed(text: str, known: Sequence[str], option: str, what: str) -> frozenset[str]:
    """Return the names of a list with commas, each of which is known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        shown = f"; there are {', '.join(known)}" if len(known) <= len(VERDICTS) else ""
        name = plain(unknown[0] if unknown else text, 40)
        raise InputError(f"{option} names {name!r}, and there is no {what} of that name{shown}")
    return frozenset(names)


def _sources(every: Sequence[Audited], text: str) -> frozenset[str]:
    """Return the sources that a text means: one by its name before a colon, or those with it."""
    wanted = text.strip().casefold()
    known = {one.figure.source for one in every}
    named = {source for source in known if source.partition(":")[0].casefold() == wanted}
    return frozenset(named or {source for source in known if wanted in source.casefold()})


def _found(catalog: Catalog, found: Audit, *, is_judged: bool) -> Found[AuditAnswerJson]:
    """Return an answer; a user's own claim that is wrong is a no."""
    names = dict.fromkeys(name for one in found.shown for name in one.rests_on)
    records = {name: record for name in names if (record := _record(catalog, name)) is not None}
    found = replace(found, records=records)
    is_one = len(found.shown) == 1 and not found.changes
    return Found(
        data=lambda: audit_json(found),
        document=lambda: claim_document(found) if is_one else audit_document(found),
        yes=not (is_judged and found.has_wrong),
        records=tuple({id(record): record for record in records.values()}.values()),
    )


def _record(catalog: Catalog, name: str) -> Record | None:
    """Return the record that a claim rests on: ``gpus/h100-sxm#board_power_w``."""
    kind, _, slug = name.partition("#")[0].partition("/")
    readers: dict[str, Callable[[str], object]] = {
        "gpus": catalog.gpu, "llms": catalog.llm, "systems": catalog.system,
        "links": catalog.link, "runtimes": catalog.runtime, "power": catalog.power_fact,
        "failure_rates": catalog.failure_rate, "mig": catalog.mig_table, "parts": catalog.part,
        "resale": catalog.resale, "providers": catalog.provider, "licences": catalog.licence,
        "territories": catalog.territory,
    }  # fmt: skip
    read = readers.get(kind)
    return None if read is None else cast("Record | None", read(slug))
