"""The state of the configurator: what a URL says, read leniently and written canonically.

The rig is written in the notation of the command line and other names are those of its options;
what has its usual value is left out. A form sends a field a property of a card instead of the
rig's text. A link outlives what it names: what is not understood is told, never an error page.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from rightrig.demand.workload import MAX_TOKENS
from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.propose import MEMORY_MODELLED, Choices
from rightrig.errors import InputError, RightrigError
from rightrig.facts.quantization import FORMATS, GGUF_MIXES, KV_BITS
from rightrig.quantities import check_count, parse
from rightrig.web.state_rig import CardRow, RigWords, form_words, text_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog

    Given = Mapping[str, Sequence[str]]

VERSION: Final = "1"
"""Of the names and meanings in a URL; a new one reads the old."""
DEFAULT_RIG: Final = "4xrtx-4090"
STATUSES: Final = ("fits", "tight", "offload", "no")
SIZES: Final = ("0-4", "4-15", "15-40", "40-130", "130-")
"""Billions of parameters: from, to."""
SORTS: Final = ("verdict", "model", "size", "context", "users", "user-speed", "speed", "ttft",
                "price")  # fmt: skip
MOST_USERS: Final = 1_000_000
_MOST_RATE_PER_S: Final = 1e6
_MOST_SEQS: Final = 65_536
_MOST_BATCHED: Final = 1_048_576
_LEAST_RATIO: Final = 0.1
_MOST_TIME_S: Final = 86_400.0
_LONGEST: Final = 200
"""Letters of a value that are read."""


@dataclass(frozen=True, slots=True)
class State:
    """What the page is asked for; texts are empty where nothing is fixed.

    Attributes:
        rig: In its canonical notation.
        context: Tokens of one sequence, prompt and answer together.
        output: Tokens of an answer.
        users: Users who each wait for their answer …
        rate_requests_per_s: … or mean arrivals, which then count instead; 0 for none.
        ttft_s, tpot_s: Objectives; 0 for none.
        utilization_ratio: The engine's memory fraction; 0 for the usual one.
        model: Slug of the model whose memory is drawn; empty for the largest that fits.
        every: Whether fine-tunes and requantised copies are listed too.
    """

    rig: str = DEFAULT_RIG
    context: int = 8192
    output: int = 300
    users: int = 1
    rate_requests_per_s: float = 0.0
    runtime: str = ""
    weights: str = ""
    kv: str = ""
    os: str = ""
    ttft_s: float = 0.0
    tpot_s: float = 0.0
    max_seqs: int = 0
    max_batched_tokens: int = 0
    utilization_ratio: float = 0.0
    model: str = ""
    status: str = ""
    family: str = ""
    size: str = ""
    licence: str = ""
    sort: str = "verdict"
    descends: bool = False
    every: bool = False

    @property
    def choices(self) -> Choices:
        """What of a deployment is fixed."""
        return Choices(
            self.runtime or None, self.weights or None, self.kv or None,
            max_seqs=self.max_seqs or None, max_batched_tokens=self.max_batched_tokens or None,
            memory_ratio=self.utilization_ratio or None, operating_system=self.os or None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a URL or a form.

    Attributes:
        state: With the usual value where the one given is wrong.
        rig: The rig of the state.
        words: The rig as the form shows it, wrong values as they were typed.
        typed: Wrong values as they were typed, by field.
        wrong: Why a field is wrong, by field.
        notices: What else was not understood.
        is_form: Whether a form asked, whose answer lies at the canonical URL.
    """

    state: State
    rig: Rig
    words: RigWords
    typed: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    is_form: bool = False


Parser = Callable[[str], object]


def _whole(name: str, limit: int) -> Parser:
    """Return a reader of whole numbers from 1 to a limit."""

    def read(text: str) -> int:
        cleaned = text.replace(",", "").replace("_", "")
        if not (cleaned.isascii() and cleaned.isdecimal()):
            raise InputError(f"{name} is {text[:40]!r}: write a whole number from 1 to {limit:,}")
        return check_count(int(cleaned[:18]), name=name, limit=limit)

    return read


def _word(name: str, known: Sequence[str]) -> Parser:
    """Return a reader of one of some words."""

    def read(text: str) -> str:
        word = text.lower()
        if word not in known:
            raise InputError(f"{name} is {text[:40]!r}: it is one of {', '.join(known)}")
        return word

    return read


def _rate_per_s(text: str) -> float:
    """Return an arrival rate; a bare number is one a second."""
    return parse(text, "rate", name="rate", limit=_MOST_RATE_PER_S)


def _time_s(name: str) -> Parser:
    """Return a reader of durations."""
    return lambda text: parse(text, "time", name=name, limit=_MOST_TIME_S)


def _share_ratio(text: str) -> float:
    """Return a share of the memory."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not _LEAST_RATIO <= value <= 1.0:
        raise InputError(f"memory utilisation is {text[:40]!r}: it is a share from 0.1 to 1")
    return value


def _runtime(text: str) -> str:
    """Return a runtime that is modelled, with its version."""
    name, at, version = text.lower().partition("@")
    if name not in MEMORY_MODELLED or (at and not version):
        raise InputError(
            f"engine is {text[:40]!r}: modelled are {', '.join(MEMORY_MODELLED)}"
        )  # fmt: skip
    return f"{name}{at}{version}"


@dataclass(frozen=True, slots=True)
class _Field:
    """One value of the state in a URL: its name there, and how it is read and written."""

    name: str
    read: Parser
    write: Callable[..., str] = str


def _seconds_text(duration_s: float) -> str:
    """Return a duration as it is typed."""
    return f"{duration_s:.10g}s" if duration_s >= 1.0 else f"{1e3 * duration_s:.10g}ms"


def _number_text(value_count: float) -> str:
    """Return a number without a trailing zero."""
    return f"{value_count:.10g}"


_YES: Final = _word("all", ("1",))
_FIELDS: Final[dict[str, _Field]] = {
    "context": _Field("context", _whole("context", MAX_TOKENS)),
    "output": _Field("output", _whole("answer", MAX_TOKENS)),
    "users": _Field("users", _whole("users", MOST_USERS)),
    "rate_requests_per_s": _Field("rate", _rate_per_s, lambda rate: f"{rate:.10g}/s"),
    "runtime": _Field("runtime", _runtime),
    "weights": _Field("weights", _word("weights", ("checkpoint", *FORMATS, *GGUF_MIXES))),
    "kv": _Field("kv", _word("KV cache", tuple(KV_BITS))),
    "os": _Field("os", _word("system", tuple(SYSTEM_NAMES))),
    "ttft_s": _Field("ttft", _time_s("time to first token"), _seconds_text),
    "tpot_s": _Field("tpot", _time_s("time per token"), _seconds_text),
    "max_seqs": _Field("max-seqs", _whole("most sequences", _MOST_SEQS)),
    "max_batched_tokens": _Field("max-batched-tokens", _whole("batched tokens", _MOST_BATCHED)),
    "utilization_ratio": _Field("gpu-memory-utilization", _share_ratio, _number_text),
    "model": _Field("model", str),
    "status": _Field("status", _word("status", STATUSES)),
    "family": _Field("family", str),
    "size": _Field("size", _word("size", SIZES)),
    "licence": _Field("licence", _word("licence", ("open",))),
    "sort": _Field("sort", _word("sort", SORTS)),
    "descends": _Field(
        "order", lambda text: _word("order", ("asc", "desc"))(text) == "desc",
        lambda down: "desc" if down else "asc",
    ),
    "every": _Field("all", lambda text: bool(_YES(text)), lambda _: "1"),
}  # fmt: skip
_USUAL: Final = State()
_PAGE_WORDS: Final = frozenset({"v", "rig", "was", "faulty"})
"""Words beside the fields; ``was`` is the state before, ``faulty`` what was wrong in it."""


def read(given: Given, catalog: Catalog) -> Reading:
    """Return the state that a URL or a form asks for.

    Args:
        given: Values by name, as the query holds them.
        catalog: Where cards and models are looked up.
    """
    wrong: dict[str, str] = {}
    typed: dict[str, str] = {}
    words, rig_wrong = _rig_words(given, catalog)
    wrong.update(rig_wrong)
    values: dict[str, object] = {}
    for key, one in _FIELDS.items():
        text = _last(given, one.name)
        if not text:
            continue
        try:
            values[key] = one.read(text)
        except RightrigError as error:
            wrong[one.name], typed[one.name] = str(error), text
    values |= _model_of(values, catalog, wrong)
    rig = words.rig
    state = State(rig=words.text, **values)  # type: ignore[arg-type] # each read by its field
    if state.output >= state.context:
        wrong["output"] = (
            f"the answer of {state.output:,} tokens leaves no room for a prompt in a context of "
            f"{state.context:,}; half of it is taken"
        )
        typed["output"] = str(state.output)
        state = replace(state, output=max(state.context // 2, 1))
    return Reading(state, rig, words, typed, wrong, _notices(given, words), words.is_form)


def _last(given: Given, name: str) -> str:
    """Return the last value of a name; the browser sends each once."""
    values = given.get(name) or ("",)
    return values[-1].strip()[:_LONGEST]


def _rig_words(given: Given, catalog: Catalog) -> tuple[RigWords, dict[str, str]]:
    """Return the rig of a form's fields, or of its text, and what is wrong with it."""
    if given.get("card"):
        words = form_words(given, catalog)
    else:
        words = text_words(_last(given, "rig") or DEFAULT_RIG, catalog)
    if words.rig_or_none is None:
        usual = text_words(DEFAULT_RIG, catalog)
        rows = words.rows or usual.rows
        words = replace(words, rig_or_none=usual.rig, text=usual.text, rows=rows)
    return words, dict(words.wrong)


def _model_of(
    values: Mapping[str, object], catalog: Catalog, wrong: dict[str, str]
) -> dict[str, object]:
    """Return the slug of the chosen model."""
    name = values.get("model")
    if not isinstance(name, str):
        return {}
    try:
        return {"model": catalog.resolve("llms", name)}
    except RightrigError as error:
        wrong["model"] = str(error)
        return {"model": ""}


def _notices(given: Given, words: RigWords) -> tuple[str, ...]:
    """Return what of a link is of another version, or is not known."""
    found = list(words.notices)
    version = _last(given, "v")
    if version and version != VERSION:
        found.append(
            f"This link names version {version[:20]!r} of the page; it was read as version "
            f"{VERSION} and everything was computed anew."
        )
    known = {one.name for one in _FIELDS.values()} | _PAGE_WORDS | CardRow.names()
    strange = sorted(name for name in given if name not in known)
    if strange:
        shown = ", ".join(repr(name[:40]) for name in strange[:5])
        more = f" and {len(strange) - 5} more" if len(strange) > 5 else ""  # noqa: PLR2004
        found.append(f"Not understood and left out: {shown}{more}.")
    return tuple(found)


def canonical(state: State, **changed: object) -> str:
    """Return the query of a state, the same for the same state; without its ``?``.

    >>> canonical(State(), users=4, model="qwen--qwen3-8b")
    'v=1&rig=4xrtx-4090&users=4&model=qwen--qwen3-8b'
    """
    own = replace(state, **changed) if changed else state  # type: ignore[arg-type]
    pairs = [("v", VERSION), ("rig", own.rig)]
    for key, one in _FIELDS.items():
        value = getattr(own, key)
        if value != getattr(_USUAL, key):
            pairs.append((one.name, one.write(value)))
    return urlencode(pairs, safe="@:,=/")


def written(state: State) -> dict[str, str]:
    """Return the value of each field as it is typed, empty where it has its usual one."""
    found = {}
    for key, one in _FIELDS.items():
        value = getattr(state, key)
        is_shown = value != getattr(_USUAL, key) or key in {"context", "output", "users"}
        found[one.name] = one.write(value) if is_shown else ""
    return found


def question(state: State) -> State:
    """Return a state without what only chooses how its answer is shown."""
    return replace(state, **_SHOWN_ONLY)


_SHOWN_ONLY: Final = {
    name: getattr(_USUAL, name)
    for name in ("model", "status", "family", "size", "licence", "sort", "descends", "every")
}
