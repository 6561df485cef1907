"""What the address of ``/compare`` asks: pinned rigs, and the workload of the configurator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlencode

from rightrig.deployment.rig import parse_rig
from rightrig.errors import RightrigError
from rightrig.facts.reading import plain
from rightrig.planning.builds import MOST_BUILDS
from rightrig.web.state import canonical, question, read, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.web.state import Reading, State

_LONGEST: Final = 200
"""Letters of a rig that are read."""
_OF_ONE_RIG: Final = frozenset({"v", "rig"})
_NUMBERS: Final = ("first", "second", "third")


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks.

    Attributes:
        rigs: Those that are understood, in order, each once.
        typed: Every rig as it was typed, for the fields of the form.
        reading: The workload; its rig means nothing.
        wrong: What is wrong, in sentences; the page is then answered as such.
        notices: What was left out without harm.
        sent: The names and values of the address.
    """

    rigs: tuple[Rig, ...]
    typed: tuple[str, ...]
    reading: Reading
    wrong: tuple[str, ...]
    notices: tuple[str, ...]
    sent: tuple[tuple[str, str], ...]

    @property
    def state(self) -> State:
        """The workload."""
        return self.reading.state

    @property
    def texts(self) -> tuple[str, ...]:
        """The rigs in their notation."""
        return tuple(rig.text for rig in self.rigs)

    @property
    def is_canonical(self) -> bool:
        """Whether the address is the one that links to it."""
        return self.sent == _pairs(self.state, self.texts)

    def llm(self, catalog: Catalog) -> Llm | None:
        """Return the model that is named."""
        return catalog.llm(self.state.model) if self.state.model else None

    def url(self, rigs: Sequence[str], path: str = "/compare") -> str:
        """Return the address of a comparison of rigs under the same workload."""
        return f"{path}?{urlencode(_pairs(self.state, rigs), safe='@:,=/')}"

    def configurator_url(self, rig: str) -> str:
        """Return the address of the configurator with a rig and the same workload."""
        return f"/?{canonical(self.state, rig=rig)}"


def asked_of(request: Request, catalog: Catalog) -> Asked:
    """Return what a request asks; wrong values are told, never raised."""
    sent = tuple(request.query_params.multi_items())
    texts = [text.strip()[:_LONGEST] for name, text in sent if name == "rig" and text.strip()]
    given: dict[str, list[str]] = {}
    for name, text in sent:
        if name not in _OF_ONE_RIG:
            given.setdefault(name, []).append(text)
    reading = read(given, catalog)
    rigs, wrong, notices = _rigs(texts, catalog)
    wrong += reading.wrong.values()
    model = reading.typed.get("model") or reading.state.model
    state = replace(question(reading.state), model=reading.state.model)
    typed = {**reading.typed, **({"model": model} if model else {})}
    return Asked(
        rigs, tuple(texts[:MOST_BUILDS]), replace(reading, state=state, typed=typed),
        tuple(wrong), (*notices, *reading.notices), sent,
    )  # fmt: skip


def fields(asked: Asked) -> Mapping[str, str]:
    """Return the value of each field of the workload as the form shows it."""
    return {**written(asked.state), **asked.reading.typed}


def _rigs(texts: Sequence[str], catalog: Catalog) -> tuple[tuple[Rig, ...], list[str], list[str]]:
    """Return the rigs of some texts, what is wrong with them, and what was left out."""
    found: dict[str, Rig] = {}
    wrong, notices = [], []
    for number, text in enumerate(texts[:MOST_BUILDS]):
        try:
            rig = parse_rig(text, catalog)
        except RightrigError as error:
            wrong.append(f"The {_NUMBERS[number]} rig: {error}.")
            continue
        if rig.text in found:
            notices.append(f"{rig.text} is pinned already; it is compared once.")
        found.setdefault(rig.text, rig)
    if len(texts) > MOST_BUILDS:
        left = ", ".join(plain(text, 60) for text in texts[MOST_BUILDS : MOST_BUILDS + 3])
        wrong.append(
            f"{MOST_BUILDS} builds are compared at most and the address names {len(texts)}: {left} "
            "was left out; remove one that is pinned to make room."
        )
    return tuple(found.values()), wrong, notices


def _pairs(state: State, rigs: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the names and values of a comparison's address."""
    workload = parse_qsl(canonical(state))
    return (
        *(("rig", text) for text in rigs),
        *((name, text) for name, text in workload if name not in _OF_ONE_RIG),
    )
