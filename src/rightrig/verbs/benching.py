"""What ``rightrig bench`` asks: the device, its record, what it did earlier; then it measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig import __version__
from rightrig.errors import InputError
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.verbs.progress import watcher
from rightrig.verbs.this_machine import machine_name, this_machine

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.measuring.bench.device import Device
    from rightrig.measuring.bench.expectation import Subject
    from rightrig.measuring.bench.plan import Asked
    from rightrig.measuring.bench.run import Setup
    from rightrig.measuring.bench.values import Measured
    from rightrig.report.schema.benching import BenchJson
    from rightrig.store.database import Store

_USUAL_MODELS: Final = ("llama-3-8b", "llama-3-70b")
"""Models whose layers are measured where none is named: what most figures of others are of."""
_MOST_MINUTES: Final = 60
_EARLIER_RUNS: Final = 20


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the question."""

    model: str | None = None
    quick: bool = False
    only: str | None = None
    device: str | None = None
    minutes: int | None = None

    @property
    def command(self) -> tuple[str, ...]:
        """The command that asks it."""
        named = (("--only", self.only), ("--device", self.device), ("--minutes", self.minutes))
        return (
            "rightrig", "bench",
            *(() if self.model is None else (self.model,)),
            *(("--quick",) if self.quick else ()),
            *(str(word) for pair in named if pair[1] is not None for word in pair),
        )  # fmt: skip


def answer_of(catalog: Catalog, words: Words) -> Found[BenchJson]:
    """Measure this machine, keep the run, and say what it comes to."""
    from rightrig.measuring.bench.device import open_device
    from rightrig.measuring.bench.judging import judged
    from rightrig.measuring.bench.plan import plan_for
    from rightrig.measuring.bench.run import Setup
    from rightrig.report.bench import bench_document, bench_json
    from rightrig.store import open_store

    asked = _asked(words)
    names = _USUAL_MODELS if words.model is None else (words.model,)
    llms = {_short(name, llm): llm for name in names for llm in [model_named(name, catalog)]}
    device = open_device(words.device)
    subject = subject_of(catalog, device, llms)
    with open_store() as store:
        earlier = _earlier(store, device)
        setup = Setup(device, plan_for(device, asked), llms, seed=len(earlier))
        run_id, measured = _kept(store, setup, words)
    verdict = judged(measured, subject, earlier)
    return Found(
        data=lambda: bench_json(run_id, measured, verdict),
        document=lambda: bench_document(run_id, measured, verdict),
        yes=verdict.word != "degraded",
        records=() if subject.gpu is None else (subject.gpu,),
        interrupted=measured.interrupted,
    )


def _asked(words: Words) -> Asked:
    """Return what is to be measured.

    Raises:
        InputError: for a block that there is none of, or too many minutes.
    """
    from rightrig.measuring.bench.plan import Asked
    from rightrig.measuring.bench.values import BLOCKS

    named = [] if words.only is None else [part.strip() for part in words.only.split(",")]
    wrong = next((name for name in named if name not in BLOCKS), None)
    if wrong is not None:
        raise InputError(f"--only is {wrong[:40]!r}: the blocks are {', '.join(BLOCKS)}")
    if words.minutes is not None and not 0 <= words.minutes <= _MOST_MINUTES:
        raise InputError(
            f"--minutes is {words.minutes}: the sustained load takes 0 to {_MOST_MINUTES}"
        )
    sustained_s = None if words.minutes is None else 60.0 * words.minutes
    return Asked(words.quick, tuple(b for b in BLOCKS if b in named), sustained_s)


def _short(name: str, llm: Llm) -> str:
    """Return what a model is called in figures: a name as it was given, or a file's model."""
    return llm.slug if "/" in name or name.endswith((".json", ".gguf")) else name


def subject_of(catalog: Catalog, device: Device, llms: dict[str, Llm]) -> Subject:
    """Return what is known of a device: its record, by the name that the driver has for it."""
    from rightrig.deployment.rig import parse_rig
    from rightrig.measuring.bench.expectation import Subject

    try:
        gpu = _card(catalog, device) if device.is_card else _processor()
    except InputError as error:
        return Subject(llms=llms, why_unknown=f"no datasheet is known: {error}")
    if gpu is None:
        why = "no datasheet of this processor is known ('rightrig probe' writes what it can tell)"
        return Subject(llms=llms, why_unknown=why)
    rig = parse_rig(f"{device.cards_count}x{gpu.slug}", catalog) if device.is_card else None
    return Subject(gpu, rig, llms)


def _card(catalog: Catalog, device: Device) -> Gpu:
    """Return the record of a card: by its name, and by its memory where several have that name.

    Raises:
        InputError: where none has, or none has such memory.
    """
    from rightrig.measuring.probe.naming import known
    from rightrig.measuring.probe.readings import Card
    from rightrig.quantities import MIB

    card = Card(0, device.title, "NVIDIA", memory_mib=int(device.whole_bytes / MIB))
    found = known(card, catalog)
    if found.gpu is None or found.is_variant:
        return catalog.gpu(device.title)
    return found.gpu


def _processor() -> Gpu | None:
    """Return the record of this machine's processor, where it was probed."""
    from rightrig.measuring.probe.processor import SLUG

    machine = this_machine()
    cards = () if machine is None else machine.own_cards
    return next((card for card in cards if card.slug == SLUG), None)


def _earlier(store: Store, device: Device) -> dict[str, float]:
    """Return what this machine's own earlier runs found on the same device."""
    from rightrig.measuring.bench.keeping import earlier_medians

    runs = store.runs(kind="bench", machine=machine_name(), limit=_EARLIER_RUNS)
    return earlier_medians(runs, device.label)


def _kept(store: Store, setup: Setup, words: Words) -> tuple[int, Measured]:
    """Measure, and keep what is found as it is found; return the run's number too."""
    from rightrig.measuring.bench.device import versions_of
    from rightrig.measuring.bench.run import run
    from rightrig.store.records import NewRun

    new = NewRun(
        kind="bench", machine=machine_name(), command=words.command,
        versions={"rightrig": __version__, **versions_of(setup.device)},
        settings={
            "device": setup.device.name, "title": setup.device.title, "quick": words.quick,
            "models": list(setup.llms), "seed": setup.seed,
        },
    )  # fmt: skip
    writer = store.begin(new)
    try:
        with watcher().shares("measuring") as tell:
            measured = run(setup, writer, tell or _untold)
    except BaseException:
        writer.finish("failed")
        raise
    writer.finish("interrupted" if measured.interrupted else "finished")
    return writer.run_id, measured


def _untold(share_ratio: float) -> None:
    """Tell nobody."""
