"""The form of ``/plan``: the words of the verb that it asks for, and how an address has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from rightrig.demand.presets import preset_names
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.verbs.plan import plan
from rightrig.verbs.words import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog

Kind = Literal["text", "whole", "number", "flag", "choice"]
_GROUPS: Final[dict[str, dict[str, str]]] = {
    "Model and traffic": {
        "model": "Model", "rate": "Requests", "preset": "Traffic like", "input": "Prompt tokens",
        "output": "Answer tokens",
    },
    "Objectives": {
        "ttft_p99": "TTFT p99", "tpot_p99": "TPOT p99", "e2e_p99": "Whole answer p99",
        "confidence": "Met at least", "headroom": "Headroom",
    },
    "Limits": {
        "budget": "Rent", "buy": "Buy instead of rent", "capex": "To buy with",
        "max_gpus": "Most cards", "max_power": "Power of the cards", "gpu": "Card",
        "vendor": "Maker", "provider": "Provider", "country": "Country", "licence": "Licence",
        "spot": "Spot prices too",
    },
    "How": {
        "runtime": "Engines", "weights": "Weights", "kv": "KV cache", "spare": "Spare engines",
        "rank_by": "Rank by", "top": "Plans to show", "simulate": "First plans to simulate",
    },
}  # fmt: skip
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "confidence": ("likely", "surely"),
    "licence": ("", "open", "commercial"),
    "rank_by": ("", "month", "token", "ttft", "tpot", "e2e", "energy", "capex"),
}
_KINDS: Final[dict[type, Kind]] = {bool: "flag", int: "whole", float: "number", str: "text"}
_EXAMPLE: Final = {
    "model": "meta-llama/Llama-3.3-70B-Instruct", "rate": "5/s", "input": "1000", "output": "300",
    "ttft_p99": "1s", "tpot_p99": "50ms",
}  # fmt: skip
_HINTS: Final = {
    "model": "A name of the catalogue.", "preset": "Published lengths; with requests.",
    "simulate": "They are ranked anew; some seconds for each.",
}  # fmt: skip
"""Where the command line's help speaks of what a page has not."""
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Field:
    """One word of the form.

    Attributes:
        hint: The help of the verb's option.
        list: Names to choose from while writing.
    """

    name: str
    label: str
    kind: Kind
    hint: str
    value: str | bool
    placeholder: str = ""
    choices: tuple[str, ...] = ()
    list: tuple[str, ...] = ()

    @property
    def is_needed(self) -> bool:
        """Whether no plan is possible without it."""
        return self.name == "model"


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Words that belong together."""

    title: str
    fields: tuple[Field, ...]


def form_of(catalog: Catalog, query: Mapping[str, str]) -> tuple[FieldGroup, ...]:
    """Return the form with what an address says, right or wrong.

    An address that asks for no plan yet (no model, or no traffic) is filled up from an example.
    """
    said = query if is_asked(query) else {**_EXAMPLE, **query}
    return tuple(
        FieldGroup(
            title,
            tuple(_field(catalog, name, label, said.get(name)) for name, label in names.items()),
        )
        for title, names in _GROUPS.items()
    )


def is_asked(query: Mapping[str, str]) -> bool:
    """Whether an address asks for a plan: it names a model and some traffic."""
    return bool(query.get("model")) and bool(query.get("rate") or query.get("preset"))


def given_of(query: Mapping[str, str]) -> dict[str, object]:
    """Return the words of the verb that an address gives and that differ from its defaults.

    Raises:
        InputError: for a word that the form does not know, or a value that is no number.
    """
    unknown = next((name for name in query if name not in _WORDS), None)
    if unknown is not None:
        raise InputError(f"{plain(unknown, 40)!r} is no word of a plan; the form has all it takes")
    given = {name: _value(name, text) for name, text in query.items() if text != ""}
    return {name: value for name, value in given.items() if value != _WORDS[name].default}


@dataclass(frozen=True, slots=True)
class _Word:
    """A parameter of the verb."""

    kind: Kind
    hint: str
    default: object


def _words() -> dict[str, _Word]:
    """Return the words of the form by name, as the verb's signature has them."""
    parameters = {one.name: one for one in words_of(plan)}
    found = {}
    for name in (name for names in _GROUPS.values() for name in names):
        kind, option = get_args(parameters[name].annotation)
        types = [one for one in (get_args(kind) or (kind,)) if one is not type(None)]
        known: Kind = "choice" if name in _CHOICES or name == "preset" else _KINDS[types[0]]
        found[name] = _Word(known, option.help or "", parameters[name].default)
    return found


_WORDS: Final = _words()


def _field(catalog: Catalog, name: str, label: str, text: str | None) -> Field:
    """Return one word of the form."""
    word = _WORDS[name]
    value: str | bool = text or ""
    if word.kind == "flag":
        value = text == "true"
    elif text is None and word.default is not None:
        value = str(word.default)
    choices = ("", *preset_names()) if name == "preset" else _CHOICES.get(name, ())
    return Field(
        name, label, word.kind, _HINTS.get(name, word.hint), value,
        placeholder="" if word.default is not None else "not said", choices=choices,
        list=_names(catalog, name),
    )  # fmt: skip


def _names(catalog: Catalog, name: str) -> tuple[str, ...]:
    """Return the names that a word may have, where the catalogue has them."""
    if name == "model":
        return tuple(catalog.llm(slug).name for slug in catalog.slugs("llms"))
    if name == "gpu":
        return catalog.slugs("gpus")
    return ()


def _value(name: str, text: str) -> object:
    """Return a value as the verb takes it.

    Raises:
        InputError: for what is no number, or too long a text.
    """
    kind = _WORDS[name].kind
    if len(text) > _LONGEST:
        raise InputError(f"{name} has {len(text):,} characters; the longest value has {_LONGEST}")
    if kind == "flag":
        return text == "true"
    if kind not in {"whole", "number"}:
        return text
    try:
        return int(text) if kind == "whole" else float(text)
    except ValueError:
        noun = "whole number" if kind == "whole" else "number"
        raise InputError(f"{name} is {plain(text, 40)!r}: write a {noun}") from None
