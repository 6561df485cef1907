"""Groups of measured runs by which the model of speed is judged, and what was asked of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rightrig.prediction.evidence import Evidence
    from rightrig.prediction.run_tables import PlannedRow

_ENOUGH_ROWS: Final = 10
_SEEN_ROWS: Final = 5
SEEN_RATIO: Final = 0.15
UNSEEN_RATIO: Final = 0.30
HIT_RATIOS: Final = (0.75, 0.85)
"""An interval of the central 80 % holds this share of the measured values."""
HIGH_LOW_RATIOS: Final[dict[Evidence, float]] = {
    "this GPU and runtime": 1.5, "same GPU": 2.0, "same architecture": 2.0, "datasheet only": 3.0,
}  # fmt: skip
"""The widest median interval that was asked for, high over low."""
_LEAST_FAMILY_ROWS: Final = 50
_LEAST_SOURCES: Final = 3
_HARNESS: Final = "llama.cpp-python"


@dataclass(frozen=True, slots=True)
class Group:
    """Some runs, and the error that was asked of them.

    Attributes:
        holds: Whether a run is one of them.
        median_ratio, p90_ratio: The largest ``|predicted / measured − 1|`` that was asked for;
            ``None`` where nothing was.
    """

    name: str
    holds: Callable[[PlannedRow], bool]
    median_ratio: float | None = None
    p90_ratio: float | None = None

    def places(self, runs: Sequence[PlannedRow]) -> list[int]:
        """Return where its runs stand."""
        return [place for place, run in enumerate(runs) if self.holds(run)]


def _of_kind(run: PlannedRow, kind: str) -> bool:
    return run.plan.run.kind == kind


def _is_maximum(run: PlannedRow, *, experts: bool) -> bool:
    is_one_stage = run.plan.run.split.pp == 1
    return _of_kind(run, "trtllm-offline") and is_one_stage and run.has_experts == experts


def _is_serving(run: PlannedRow, metric: str) -> bool:
    return run.file == "serving" and run.plan.run.metric == metric


def _is_llama_cpp(run: PlannedRow, *, prompts: bool) -> bool:
    return run.era == "llama.cpp" and run.is_of_prompts == prompts


def _is_bench(run: PlannedRow) -> bool:
    return _of_kind(run, "llm-inference-bench") and vendor(run) == "NVIDIA" and run.era != _HARNESS


def vendor(run: PlannedRow) -> str:
    """Return the maker of a run's cards; Gaudi is told from Intel's GPUs."""
    return "Gaudi" if run.family == "gaudi" else run.plan.run.rig.gpu.vendor


TARGETS: Final[tuple[Group, ...]] = (
    Group("TensorRT-LLM maxima, dense", lambda r: _is_maximum(r, experts=False), 0.08, 0.20),
    Group("TensorRT-LLM maxima, experts", lambda r: _is_maximum(r, experts=True), 0.15, 0.35),
    Group(
        "TensorRT-LLM maxima, pipeline stages",
        lambda r: _of_kind(r, "trtllm-offline") and r.plan.run.split.pp > 1,
        0.15,
        0.35,
    ),
    Group("serving, TPOT", lambda r: _is_serving(r, "tpot_s"), 0.12, 0.35),
    Group("serving, TTFT", lambda r: _is_serving(r, "ttft_s"), 0.25, 0.70),
    Group("llama.cpp, decode", lambda r: _is_llama_cpp(r, prompts=False), 0.06, 0.15),
    Group("llama.cpp, prompts", lambda r: _is_llama_cpp(r, prompts=True), 0.12, 0.40),
    Group(
        "static tables, TensorRT-LLM 0.5 to 0.9", lambda r: _of_kind(r, "trtllm-static"), 0.08, 0.30
    ),
    Group("static tables, LLM-Inference-Bench on NVIDIA", _is_bench, 0.08, 0.30),
    Group("MLPerf, offline", lambda r: r.plan.run.is_mlperf, 0.12, 0.30),
)
"""Groups of which an error was asked."""


def _by_vendor(name: str) -> Callable[[PlannedRow], bool]:
    return lambda run: vendor(run) == name


def _by_era(*names: str) -> Callable[[PlannedRow], bool]:
    return lambda run: run.era in names


REPORTED: Final[tuple[Group, ...]] = (
    Group("AMD, all engines", _by_vendor("AMD")),
    Group("Gaudi, all engines", _by_vendor("Gaudi")),
    Group("Intel GPUs, all engines", _by_vendor("Intel")),
    Group("Apple, all engines", _by_vendor("Apple")),
    Group("llama.cpp in LLM-Inference-Bench's harness", _by_era(_HARNESS)),
    Group("Ollama", _by_era("ollama")),
    Group("ExLlama", _by_era("exllama")),
    Group("gpt-fast", _by_era("gpt-fast")),
    Group("MLC-LLM", _by_era("mlc")),
    Group("AutoAWQ, decode", lambda r: r.era == "autoawq" and not r.is_of_prompts),
    Group("AutoAWQ, prompts", lambda r: r.era == "autoawq" and r.is_of_prompts),
    Group("DeepSpeed-MII", _by_era("deepspeed-mii")),
    Group("Transformers and litgpt", _by_era("eager")),
)
"""Groups that are reported; nothing was asked of them."""


def runtime_family(run: PlannedRow) -> str:
    """Return the runtime, whatever its version; a harness of llama.cpp is one of its own."""
    return _HARNESS if run.era == _HARNESS else run.plan.run.runtime.name


def judged_families(runs: Sequence[PlannedRow]) -> dict[str, list[int]]:
    """Return the places of runtimes with 50 rows from 3 sources: their intervals are judged."""
    places = by_name(runtime_family(run) for run in runs)
    return {
        name: found
        for name, found in places.items()
        if len(found) >= _LEAST_FAMILY_ROWS and len(sources(runs, found)) >= _LEAST_SOURCES
    }


def by_name(names: Iterable[str]) -> dict[str, list[int]]:
    """Return the places that share a name, the largest group first.

    >>> by_name(["a", "b", "b"])
    {'b': [1, 2], 'a': [0]}
    """
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name, []).append(place)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def sources(runs: Sequence[PlannedRow], places: Iterable[int]) -> tuple[str, ...]:
    """Return who published some runs, by the number of runs."""
    counts = Counter(runs[place].project for place in places)
    return tuple(name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True, slots=True)
class SourceGroup:
    """One project's runs of vLLM or SGLang on cards of one family.

    Attributes:
        is_seen: Whether other projects ran that engine on cards of that family.
        median_ratio: The largest median error that was asked for; ``None`` for other makers.
    """

    project: str
    era: str
    family: str
    places: tuple[int, ...]
    is_seen: bool
    median_ratio: float | None


def source_groups(runs: Sequence[PlannedRow]) -> tuple[SourceGroup, ...]:
    """Return the sources of vLLM and SGLang beside ``serving`` with ten rows of tokens."""
    own: dict[tuple[str, str, str], list[int]] = {}
    all_rows = Counter((run.era, run.family) for run in runs)
    by_project = Counter((run.project, run.era, run.family) for run in runs)
    for place, run in enumerate(runs):
        if _is_other_source(run):
            own.setdefault((run.project, run.era, run.family), []).append(place)
    found = []
    for names, places in sorted(own.items()):
        if len(places) < _ENOUGH_ROWS:
            continue
        is_seen = all_rows[names[1:]] - by_project[names] >= _SEEN_ROWS
        is_asked = vendor(runs[places[0]]) == "NVIDIA"
        asked = (SEEN_RATIO if is_seen else UNSEEN_RATIO) if is_asked else None
        found.append(SourceGroup(*names, tuple(places), is_seen, asked))
    return tuple(found)


def _is_other_source(run: PlannedRow) -> bool:
    return (
        run.plan.run.runtime.slug in {"vllm", "sglang"}
        and run.file != "serving"
        and not run.is_of_prompts
        and not run.plan.run.is_mlperf
    )
