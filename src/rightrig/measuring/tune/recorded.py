"""A bench whose runs are kept, and found again by the same command after an end of any kind."""

from __future__ import annotations

import datetime
import hashlib
import json
from contextlib import closing
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import RightrigError
from rightrig.measuring.tune.figures import Figures, Ran
from rightrig.measuring.tune.settings import Setting
from rightrig.store.records import NewRun, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from rightrig.measuring.tune.tuning import Bench
    from rightrig.store.database import Store, Writer
    from rightrig.store.records import Run, Served

_OURS: Final = {"part": "tune"}
"""The label of figures that tuning compares; a load's own figures stand beside them."""
_KEPT_SLO: Final = "keeps_slo_ratio"
_WORDS: Final = frozenset({"keeps_slo", "limited"})
_NEEDED: Final = ("requests_count", "error_ratio", "requests_per_s", "output_tokens_per_s")
_FRESH: Final = datetime.timedelta(days=1)
"""Older runs are not taken up again: what else the machine does, its heat and its software move."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What makes runs of one experiment.

    Attributes:
        machine: Where.
        command: As it was typed.
        versions: Software → version.
        conditions: All that a run depends on beside its setting and its number; JSON values.
        served: What a setting serves, where that is known.
    """

    machine: str
    command: tuple[str, ...]
    versions: Mapping[str, str]
    conditions: Mapping[str, object]
    served: Callable[[Setting], Served | None]

    @property
    def key(self) -> str:
        """A name for the conditions: equal ones have the same."""
        text = json.dumps(dict(self.conditions), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def run(self, setting: Setting, number: int) -> NewRun:
        """Return one run about to start."""
        return NewRun(
            kind="tune",
            machine=self.machine,
            command=self.command,
            versions=self.versions,
            settings={
                **self.conditions, "experiment": self.key, "setting": dict(setting.pairs),
                "number": number,
            },
            served=self.served(setting),
        )  # fmt: skip


class Recorded:
    """A bench (:class:`rightrig.measuring.tune.tuning.Bench`) that keeps what another runs.

    A disk that fills up, or a database that goes away, ends the keeping and not the experiment.

    Attributes:
        trouble: Why runs are not kept any more; empty while they are.
        ids: Numbers of the runs in the store, those of earlier commands too.
    """

    def __init__(
        self, bench: Bench, store: Store, experiment: Experiment, *, resumes: bool = True
    ) -> None:
        """Look for runs of the same experiment."""
        self._bench, self._store, self._experiment = bench, store, experiment
        self._known = _known(store, experiment) if resumes else {}
        self.trouble = ""
        self.ids: list[int] = []

    def reused_count(self, setting: Setting, numbers: Sequence[int]) -> int:
        """Return how many of the runs an earlier command has done."""
        return sum((setting, number) in self._known for number in numbers)

    def runs(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield runs that are known, then those that are not, which are kept."""
        missing = []
        for number in numbers:
            known = self._known.get((setting, number))
            if known is None:
                missing.append(number)
            else:
                self.ids.append(known[0])
                yield Ran(known[1])
        if missing:
            yield from self._new(setting, missing)

    def _new(self, setting: Setting, numbers: Sequence[int]) -> Generator[Ran, None, None]:
        """Yield runs and keep them."""
        with closing(self._bench.runs(setting, numbers)) as runs:
            for number in numbers:
                writer = self._begun(setting, number)
                try:
                    ran = next(runs, None)
                except BaseException as error:
                    is_ours = isinstance(error, KeyboardInterrupt)
                    self._kept(writer, None, "interrupted" if is_ours else "failed")
                    raise
                if ran is None:
                    self._kept(writer, None, "failed")
                    return
                self._kept(writer, ran, "failed" if ran.figures.limited else "finished")
                yield ran

    def _begun(self, setting: Setting, number: int) -> Writer | None:
        """Begin a run in the store."""
        if self.trouble:
            return None
        try:
            writer = self._store.begin(self._experiment.run(setting, number))
        except RightrigError as error:
            self.trouble = f"Runs are not kept any more: {error}"
            return None
        self.ids.append(writer.run_id)
        return writer

    def _kept(self, writer: Writer | None, ran: Ran | None, status: str) -> None:
        """Keep a run and say how it ended."""
        if writer is None or self.trouble:
            return
        try:
            if ran is not None:
                writer.add([*ran.values, *values_of(ran.figures)])
                for name, columns in ran.samples.items():
                    writer.keep_samples(name, columns)
            writer.finish(status)  # type: ignore[arg-type] # one of three words
        except RightrigError as error:
            self.trouble = f"Runs are not kept any more: {error}"


def values_of(figures: Figures) -> list[Value]:
    """Return figures as a store keeps them."""
    found = []
    for name in (one.name for one in fields(Figures)):
        value = getattr(figures, name)
        if name != "limited" and value is not None:
            stored = _KEPT_SLO if name == "keeps_slo" else name
            found.append(Value(stored, float(value), _OURS))
    return found


def figures_of(values: Sequence[Value]) -> Figures | None:
    """Return figures as they were kept; ``None`` where they are not whole."""
    ours = {one.name: one.value for one in values if one.labels.get("part") == _OURS["part"]}
    found: dict[str, Any] = {
        one.name: ours.get(one.name) for one in fields(Figures) if one.name not in _WORDS
    }
    if any(found[name] is None for name in _NEEDED):
        return None
    found["requests_count"] = round(found["requests_count"])
    kept = ours.get(_KEPT_SLO)
    return Figures(**found, keeps_slo=None if kept is None else kept > 0.0)


def _known(store: Store, experiment: Experiment) -> dict[tuple[Setting, int], tuple[int, Figures]]:
    """Return the finished runs of an experiment of the last day; of one run, the newest."""
    oldest = datetime.datetime.now(datetime.UTC) - _FRESH
    found: dict[tuple[Setting, int], tuple[int, Figures]] = {}
    for run in store.runs("tune", experiment.machine, status="finished", with_values=False):
        if run.new.settings.get("experiment") != experiment.key or _began(run) < oldest:
            continue
        setting, number = run.new.settings.get("setting"), run.new.settings.get("number")
        figures = figures_of(store.run(run.id).values)
        if isinstance(setting, dict) and isinstance(number, int) and figures is not None:
            pairs = tuple(sorted((str(k), str(v)) for k, v in setting.items()))
            found.setdefault((Setting(pairs), number), (run.id, figures))
    return found


def _began(run: Run) -> datetime.datetime:
    """Return when a run began."""
    found = datetime.datetime.fromisoformat(run.started)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
