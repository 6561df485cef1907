#!/usr/bin/env python3
"""Run the examples of the documentation again, and make its tables of data again.

    .venv/bin/python docs/refresh_readme.py [FILE …]

Without a file, every Markdown file of the root and of ``docs`` is refreshed.

An example is a fenced ``console`` block whose first line starts with ``$ rightrig``; it may hold
several commands. What a command prints follows its line. ``tests/test_docs.py`` runs the same
examples and fails when one of them drifts. Lines with a stopwatch's figure or the age of a price
may differ; they alone never rewrite an example. No catalogue of the user is read, and the shipped
prices count.

A table of data stands between ``<!-- table: NAME -->`` and ``<!-- end -->``; ``TABLES`` says what
each is made from.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.limits import sglang_reserve_bytes
from rightrig.deployment.parallelism import Parallelism
from rightrig.facts.catalog import shipped
from rightrig.facts.index import DATA
from rightrig.facts.unspecified import unspecified
from rightrig.prediction.engine_memory import eras, overheads
from rightrig.prediction.parameters import tables
from rightrig.quantities import show_seconds

sys.path.append(str(Path(__file__).parent))

import audit_tables
import catalogue_tables
import peer_tables
import reference_tables
from example_runs import printed_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rightrig.interval import Interval

ROOT: Final = Path(__file__).resolve().parents[1]
PROMPT: Final = "$ "
_BLOCK: Final = re.compile(r"^```console\n(?P<body>\$ rightrig .*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE: Final = re.compile(
    r"(?P<start>^<!-- table: (?P<name>[a-z-]+) -->\n).*?(?P<end>^<!-- end -->$)",
    re.MULTILINE | re.DOTALL,
)
_STOPWATCH: Final = re.compile(r"\d+\.\d+\s+s\.")
_AGE: Final = re.compile(r"\d+\s+days?\s+old")
_RULE: Final = re.compile(r"─+")
_SGLANG_CARDS: Final = ("rtx-4090", "l40s", "a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200-sxm")
_KINDS: Final[dict[str, tuple[str, str]]] = {
    "gpus": ("accelerators", "`rightrig gpus list`"),
    "llms": ("models", "`rightrig models list`"),
    "systems": ("machines and instances", "`rightrig rigs list`"),
    "runtimes": ("engines and servers", "`rightrig runtimes list`"),
    "links": ("links, rated and measured", "`data/links`"),
    "power": ("figures about power", "`data/power`"),
}
_PARAMETERS: Final[dict[tuple[str, ...], tuple[str, str]]] = {
    ("compute",): ("share of the datasheet's arithmetic that products reach", "family, type"),
    ("memory",): ("share of its bandwidth that they reach", "family"),
    ("cache",): ("the same of decode attention, which reads keys and values", "family"),
    ("scores",): ("share of the 16-bit rate that attention of prompts reaches", "family"),
    ("card_compute", "card_memory"): ("a card beside its family", "card"),
    ("engine_compute", "engine_memory"): ("products beside the best kernels", "era, type"),
    ("engine_cache", "engine_scores"): ("attention beside the best kernels", "era"),
    ("experts_compute", "experts_memory"): ("grouped products beside a whole one", "era, type"),
    ("experts_s",): ("choosing, sorting and joining experts, a layer", "era"),
    ("layer_s",): ("small kernels of a layer", "era"),
    ("launch_ratio",): ("fixed time of kernels beside the sampled ones", "era"),
    ("step_s",): ("host work of a step", "era"),
    ("sequence_s",): ("host work for each sequence of a step", "era"),
    ("request_s",): ("a request beside its steps: tokenizer, server", "era"),
    ("eager_s",): ("starting a part of a layer in a step with prompts", "era"),
    ("miss_ratio",): ("steps with prompts that a prompt waits for", "era"),
    ("burst_ratio",): ("share of all users' prompts that it waits for", "era"),
    ("turn_s",): (
        "what each other user's request adds, taken in one by one; a machine's own runs tell it",
        "era",
    ),
    ("pair_compute", "pair_memory", "pair_host"): ("an engine on a family", "era, family"),
    ("latency_s", "bus"): ("an all-reduce: latency, share of the link's rate", "link, ranks"),
    ("engine_latency", "engine_bus"): ("messages beside the sampled ones", "era, NVLink or not"),
}
"""Kinds of parameters → what they are, and what has one of its own."""


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a block, as it is written, and the output that stands below it."""

    command: str
    output: str


def documents() -> tuple[Path, ...]:
    """Return every Markdown file of the project: those of the root and those of ``docs``."""
    return (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))


def blocks(text: str) -> Iterator[tuple[Example, ...]]:
    """Yield the examples of each block of a document."""
    for block in _BLOCK.finditer(text):
        yield tuple(_examples(block["body"]))


def _examples(body: str) -> Iterator[Example]:
    """Yield the commands of a block; a line that ends in a backslash goes on in the next."""
    lines = body.splitlines(keepends=True)
    while lines:
        command = [lines.pop(0)]
        while command[-1].endswith("\\\n"):
            command.append(lines.pop(0))
        output = []
        while lines and not lines[0].startswith(PROMPT):
            output.append(lines.pop(0))
        yield Example("".join(command).removeprefix(PROMPT), "".join(output))


def comparable(output: str) -> list[str]:
    """Return the lines that must agree: those that change from run to run are blanked.

    An age that grows by a digit moves the words behind it to other lines and widens its column:
    where there is one, the words must agree, and not the lines.
    """
    timeless, ages_count = _AGE.subn("~", _STOPWATCH.sub("~", output.rstrip()))
    if ages_count:
        return _RULE.sub("─", timeless).split()
    return [line.rstrip() for line in timeless.splitlines()]


def refreshed(text: str) -> str:
    """Return a document with what its examples print now, and its tables as data has them."""
    ran = _BLOCK.sub(lambda block: f"```console\n{_run_again(block['body'])}```", text)
    return with_tables(ran)


def with_tables(text: str) -> str:
    """Return a document with its tables made from data again."""
    return _TABLE.sub(lambda t: f"{t['start']}\n{TABLES[t['name']]()}\n{t['end']}", text)


def _run_again(body: str) -> str:
    """Return a block with new outputs; an output that agrees stays as it is."""
    parts = []
    for example in _examples(body):
        now = printed_by(example.command)
        same = comparable(now) == comparable(example.output)
        parts.append(f"{PROMPT}{example.command}{example.output if same else now}")
    return "".join(parts)


def table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    titles = tuple(headers)
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def eras_table() -> str:
    """Return what each range of vLLM's versions keeps, oldest first."""
    headers = (
        "since", "graphs", "sampler, B a logit", "runtime, one card", "tensor parallel over PCIe",
        "tensor parallel over a switch",
    )  # fmt: skip
    rows = []
    for era in reversed(eras()):
        known = {name: interval for name, (interval, _) in era.overheads.items()}
        rows.append(
            (
                era.since if era.since != "0.0" else "before",
                "in the budget" if era.graphs_are_budgeted else "beside it",
                _between(known["sampler_bytes_per_logit"]),
                _between(known["non_torch_single_bytes"], 2**30),
                _between(known["non_torch_tensor_parallel_bytes"], 2**30),
                _between(known["non_torch_switch_bytes"], 2**30),
            )
        )
    return table(headers, rows)


def overheads_table() -> str:
    """Return what no version changes, with its grounds."""
    rows = [
        (f"`{engine}.{name}`", _between(value, 2**30 if name.endswith("bytes") else 1), source)
        for engine, entries in overheads().items()
        for name, (value, source) in entries.items()
    ]
    return table(("parameter", "middle (80 % between)", "grounds"), rows)


def era_sources_table() -> str:
    """Return the grounds of each era's parameters, oldest era first."""
    rows = [
        (era.since if era.since != "0.0" else "before", f"`{name}`", source)
        for era in reversed(eras())
        for name, (_, source) in era.overheads.items()
    ]
    return table(("since", "parameter", "grounds"), rows)


def _between(value: Interval, unit: int = 1) -> str:
    """Return the middle and the ends of an interval; sizes in GiB."""
    low, mid, high = (f"{end / unit:.3g}" for end in (value.low, value.mid, value.high))
    return f"{mid} ({low} … {high}){' GiB' if unit > 1 else ''}"


def sglang_table() -> str:
    """Return what SGLang keeps free on some cards, and the share that this leaves."""
    rows = []
    for slug in _SGLANG_CARDS:
        gpu = shipped().gpu(slug)
        total = gpu.memory_bytes.mid
        kept = sglang_reserve_bytes(gpu, Parallelism())
        rows.append(
            (slug, f"{total / 2**30:.2f}", f"{kept / 2**30:.2f}", f"{1 - kept / total:.3f}")
        )
    return table(("card", "visible, GiB", "reserve, GiB", "static share"), rows)


def parameters_table() -> str:
    """Return the priors of the speed model."""
    rows = [
        (
            ", ".join(f"`{kind}`" for kind in kinds),
            *_PARAMETERS[kinds],
            ", ".join(_middle(kind) for kind in kinds),
            ", ".join(_spread(kind) for kind in kinds),
        )
        for kinds in _PARAMETERS
    ]
    return table(("parameter", "what it is", "one a", "middle", "spread"), rows)


def _middle(kind: str) -> str:
    """Return the middle of a kind's prior."""
    middle = tables("priors")["kind"][kind].get("mid")
    if middle is None:
        return "kernels"
    return show_seconds(middle) if kind.endswith("_s") else f"{middle:g}"


def _spread(kind: str) -> str:
    """Return the spread of a kind's prior, and that of what no kernels were timed for."""
    entry = tables("priors")["kind"][kind]
    own = f"{entry['spread']:g}"
    return f"{own} (else {entry['unsampled_spread']:g})" if "unsampled_spread" in entry else own


def engines_table() -> str:
    """Return the eras of engines by how they schedule."""
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for engine in tables("engines")["engine"]:
        way = (engine["prompts"], "ahead" if engine["overlapped"] else "after each step")
        since = f" from {engine['since']}" if engine["since"] != "0" else ""
        kind = f" in {engine['kind']}" if "kind" in engine else ""
        name = "any other engine" if engine["runtime"] == "*" else engine["runtime"]
        found.setdefault(way, {}).setdefault(engine["era"], []).append(f"{name}{since}{kind}")
    rows = [
        (*way, ", ".join(f"`{era}` ({', '.join(names)})" for era, names in eras.items()))
        for way, eras in found.items()
    ]
    return table(("prompts", "host", "eras"), rows)


def catalogue_table() -> str:
    """Return how many records of each kind there are."""
    catalog = shipped()
    rows: list[Any] = [
        (words, str(len(catalog.slugs(kind))), shown) for kind, (words, shown) in _KINDS.items()
    ]
    cut = tuple(catalog.slugs("mig"))
    profiles = sum(len(catalog.mig_profiles(slug)) for slug in cut)
    rows += [
        ("rental offers", str(len(catalog.prices())), "`rightrig prices list`"),
        (f"tables of MIG profiles ({profiles} profiles)", str(len(cut)), "`data/mig`"),
        ("generations of chips", str(_files("generations")), "`data/generations`"),
        ("tables of quality by format", str(_files("quality")), "`data/quality`"),
        ("names without a specification", str(len(unspecified())), "`data/no_specification.toml`"),
    ]
    return table(("what", "how many", "where"), rows)


def _files(kind: str) -> int:
    """Return how many records of a kind are shipped."""
    return len(list((DATA / kind).glob("*.toml")))


TABLES: Final[dict[str, Callable[[], str]]] = {
    "eras": eras_table,
    "era-sources": era_sources_table,
    "overheads": overheads_table,
    "sglang": sglang_table,
    "parameters": parameters_table,
    "engines": engines_table,
    "catalogue": catalogue_table,
    **catalogue_tables.TABLES,
    **audit_tables.TABLES,
    **peer_tables.TABLES,
    **reference_tables.TABLES,
}


def main() -> None:
    """Rewrite the documents whose examples drifted, and name them."""
    named = tuple(Path(argument).resolve() for argument in sys.argv[1:])
    for path in named or documents():
        text = path.read_text(encoding="utf-8")
        new = refreshed(text)
        if new != text:
            path.write_text(new, encoding="utf-8")
            sys.stdout.write(f"rewrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
