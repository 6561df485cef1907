#!/usr/bin/env python3
"""The tables of the reference that the program's own text makes: rules, alerts, thresholds.

    .venv/bin/python docs/reference_tables.py alerts

prints one of ``TABLES``; ``docs/refresh_readme.py`` writes them all into the pages.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.compatibility import RULES
from rightrig.measuring.bench.judging import GATES
from rightrig.planning.constraints import CONSTRAINTS
from rightrig.quantities import show_bytes
from rightrig.watching.rules.alerts import ALERTS
from rightrig.watching.rules.thresholds import COMPARED, Thresholds

sys.path.append(str(Path(__file__).parent))

from catalogue_cells import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rightrig.watching.rules.alert import Alert

PACKAGE: Final = Path(__file__).resolve().parents[1] / "src" / "rightrig"
ID: Final = re.compile(r"[A-Z]{2,}(-[A-Z0-9]+)+")
NO_RULES: Final = frozenset({"MLC-LLM", "RTX-PRO-6000"})
"""Names of a runtime and of a card, which are written alike."""
_ROOMS: Final = {
    "deployment": "Whether a deployment can be",
    "planning": "What a plan keeps, and what a rig is good for",
    "prediction": "Whether a figure of speed can be true",
    "costs": "Whether a figure of money can be true",
    "measuring": "What a probe, a bench and a load find",
    "recipes": "What is proved of a recipe",
    "watching": "Whether a deployment is ready",
}
"""Rooms of the package → what their rules are about."""
_TOLD: Final = {
    "SLO-SIMULATED": "A simulated plan keeps every objective at some load.",
    "BENCH-CORRECT": "Every result of a kernel is right.",
    "BENCH-ECC": "No error of memory was left uncorrected since the driver was loaded.",
    "BENCH-SUSTAINED": "A sustained load is as quick at its end as at its start.",
    "BENCH-EARLIER": "Figures are as in this machine's earlier runs.",
}
"""What functions find that look for several things at once."""
_MINUTE_S: Final = 60

_HOST: Final = r"\{\{ \$labels\.Hostname \}\}"
_WORDS: Final = (
    (rf"GPU \{{\{{ \$labels\.gpu \}}\}} of {_HOST}", "a card"),
    (rf"(The engine at )?\{{\{{ \$labels\.engine \}}\}} on {_HOST}", "the engine"),
    (rf"\{{\{{ \$labels\.deployment \}}\}} on {_HOST}", "the deployment"),
    (r"\{\{ \$labels\.engine \}\}", "the engine"),
    (r"\{\{ \$labels\.deployment \}\}", "the deployment"),
    (r"XID \{\{ \$labels\.xid \}\}", "an XID"),
    (_HOST, "a host"),
)
"""What Prometheus fills in → what a table says; the first that fit count."""


@dataclass(frozen=True, slots=True)
class Named:
    """An ID of the program, with the sentence that it stands for.

    Attributes:
        room: The first folder of the package that it lies in.
    """

    id: str
    sentence: str
    room: str


@functools.cache
def named() -> tuple[Named, ...]:
    """Return every ID that the source of the package names, by room and file.

    A class has its docstring; others the words that the program prints of them, or the docstring
    around them. An ID of which nothing is said has an empty sentence.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}
    files = {path: ast.parse(text) for path, text in texts.items() if ID.search(text)}
    found: dict[str, Named] = {}
    for way in (of_classes, _of_calls, _of_file, _of_docstrings, mentioned):
        for path, module in files.items():
            room = path.relative_to(PACKAGE).parts[0]
            for name, sentence in way(module):
                if ID.fullmatch(name) and name not in NO_RULES:
                    found.setdefault(name, Named(name, sentence, room))
    for rule in CONSTRAINTS:  # the IDs of objectives are made when they are asked for
        sentence = _sentence(inspect.getdoc(type(rule)))
        found.setdefault(rule.id, Named(rule.id, sentence, "planning"))
    for gate in GATES:
        words = f"{gate.about}: at least {gate.least_ratio:.0%} of the datasheet"
        found[gate.id] = Named(gate.id, _sentence(words), "measuring")
    return tuple(sorted(found.values(), key=lambda one: one.id.partition("-")[0]))


def of_classes(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the IDs of classes, with their docstrings."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            told = _sentence(ast.get_docstring(node))
            yield from ((name, told) for line in node.body for name in _assigned(line, "id"))


def _of_file(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the one ID of a file, with its docstring."""
    told = _sentence(ast.get_docstring(module))
    yield from ((name, told) for line in module.body for name in _assigned(line, "ID"))


def _assigned(line: ast.stmt, to: str) -> Iterator[str]:
    """Yield the text that a line gives a name."""
    targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
    value = getattr(line, "value", None)
    if isinstance(value, ast.Constant) and any(
        isinstance(one, ast.Name) and one.id == to for one in targets
    ):
        yield str(value.value)


def _of_calls(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield IDs that something is made of, with the words that follow them."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            words = [str(one.value) for one in node.args[:2] if isinstance(one, ast.Constant)]
            if len(words) == 2 and " " in words[1]:  # noqa: PLR2004 - a pair
                yield words[0], _sentence(words[1])


def _of_docstrings(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield IDs that a docstring explains, and those of which a word is said above."""
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef):
            told = " ".join((ast.get_docstring(node) or "").split())
            yield from (
                (name, _sentence(text))
                for name, text in re.findall(r"``([A-Z-]+)``: ([^.]+\.)", told)
            )
    yield from ((name, _TOLD[name]) for name, _ in mentioned(module) if name in _TOLD)


def mentioned(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield every text of a file that is an ID, with nothing said."""
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, ""


def _sentence(text: str | None) -> str:
    """Return the first paragraph of a docstring, or other words, as a sentence."""
    first = " ".join((text or "").split("\n\n")[0].split()).replace("``", "`")
    return f"{first[:1].upper()}{first[1:].removesuffix('.')}." if first else ""


def every_rule() -> str:
    """Return the IDs of each room under a heading of their own."""
    found = named()
    rooms = dict.fromkeys((*_ROOMS, *(one.room for one in found)))
    parts = []
    for room in rooms:
        rows = [(f"`{one.id}`", one.sentence) for one in found if one.room == room]
        if rows:
            title = _ROOMS.get(room, room.capitalize())
            parts.append(f"## {title}\n\n{table(('ID', 'stands for'), rows)}")
    return "\n".join(parts)


def rules_table(rules: Iterable[Any]) -> str:
    """Return the rules in their order, each with the sentence that it stands for."""
    rows = ((f"`{rule.id}`", _sentence(inspect.getdoc(type(rule)))) for rule in rules)
    return table(("ID", "what holds"), rows)


def alerts_table() -> str:
    """Return every alert: when it fires, from what, after how long, and what to read then."""
    headers = (
        "alert", "fires when", "compares with", "after", "severity", "page", "from DCGM too",
        "of a plan",
    )  # fmt: skip
    return table(headers, (_alert_row(alert) for alert in ALERTS))


def _alert_row(alert: Alert) -> tuple[str, ...]:
    """Return the row of an alert."""
    return (
        alert.name,
        _plain(alert.summary),
        ", ".join(f"`{name}`" for name in alert.uses) or "–",
        waited(alert.for_s),
        alert.severity,
        f"[{alert.runbook}](../runbooks/{alert.runbook}.md)",
        "yes" if alert.sources == "ours and DCGM" else "",
        "" if alert.expr(Thresholds()) else "yes",
    )


def waited(for_s: int) -> str:
    """Return how long an alert waits."""
    if not for_s:
        return "at once"
    return f"{for_s} s" if for_s < _MINUTE_S else f"{for_s // _MINUTE_S} min"


def _plain(summary: str) -> str:
    """Return a summary with words in place of Prometheus' templates."""
    for template, words in _WORDS:
        summary = re.sub(template, words, summary)
    return f"{summary[0].upper()}{summary[1:]}"


def thresholds_table() -> str:
    """Return what alerts compare with, its value without a plan, and where that comes from."""
    told = dict(re.findall(r"^ {8}([a-z_, ]+): (.+)$", _joined(Thresholds), re.MULTILINE))
    means = {name: text for names, text in told.items() for name in names.split(", ")}
    bare = Thresholds()
    rows = [
        (
            f"`{name}`",
            means[name],
            _value(name, getattr(bare, name)),
            bare.origins.get(name, "the plan; without it, no such alert"),
        )
        for name in COMPARED
    ]
    return table(("threshold", "what it is", "without a plan", "comes from"), rows)


def _joined(cls: type) -> str:
    """Return a docstring whose entries are one line each."""
    return re.sub(r"\n {12}", " ", cls.__doc__ or "")


def _value(name: str, value: object) -> str:
    """Return a default as a person writes it."""
    if not isinstance(value, int | float):
        return "–"
    if "_bytes" in name:
        return show_bytes(float(value))
    return f"{value:g}"


TABLES: Final[dict[str, Callable[[], str]]] = {
    "rules": lambda: rules_table(RULES),
    "constraints": lambda: rules_table(CONSTRAINTS),
    "every-rule": every_rule,
    "alerts": alerts_table,
    "thresholds": thresholds_table,
}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or TABLES:
        sys.stdout.write(f"{TABLES[wanted]()}\n")
