"""The first look at a server: which model it has, whether it answers, how it counts prompts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, MissingError
from rightrig.facts.reading import plain
from rightrig.measuring.load.faults import MEANINGS
from rightrig.measuring.load.level_learning import learn, models_of

if TYPE_CHECKING:
    from rightrig.measuring.load.level_learning import Learned
    from rightrig.measuring.load.target import Target
    from rightrig.measuring.load.tokens import Tokenizer

_SHOWN: Final = 5
ANY_NAME: Final = "default"
"""What a server without a list of models is asked for: those of one model take any name."""


def first_look(target: Target, seed: int = 0, tokenizer: Tokenizer | None = None) -> Learned:
    """Ask a server two small requests, which count nowhere else.

    Args:
        target: The server; an empty name stands for its only model.
        seed: Of the prompts.
        tokenizer: Counts tokens; ``None`` for the server's own counts.

    Returns:
        The server by the name of its model, and how it counts tokens.

    Raises:
        InputError: when it has several models, or does not know the name.
        MissingError: when it does not answer; the message says how it failed.
    """
    named = target if target.name else replace(target, name=_only_model(target))
    learned = learn(named, seed, tokenizer)
    if learned.kind == "ok":
        return learned
    if learned.kind == "client-error" and not target.name:
        raise InputError(
            f"{shown_url(target.url)} does not take the model {plain(named.name, 60)!r}: name one "
            "with --name"
        )
    said = f": {plain(learned.detail, 160)}" if learned.detail else ""
    raise MissingError(
        f"{shown_url(target.url)} does not answer one request ({learned.kind}, "
        f"{MEANINGS[learned.kind]}{said}): start the server, or correct its address, --name, "
        "--chat/--completions or --api-key-env"
    )


def _only_model(target: Target) -> str:
    """Return the only model that a server lists, or a name for one that lists none."""
    names = models_of(target)
    if len(names) > 1:
        some = ", ".join(plain(name, 60) for name in names[:_SHOWN])
        more = " …" if len(names) > _SHOWN else ""
        raise InputError(
            f"{shown_url(target.url)} has several models: choose with --name: {some}{more}"
        )
    return names[0] if names else ANY_NAME


def shown_url(url: str) -> str:
    """Return an address as it may be shown and kept: without its query, which may hold a key.

    >>> shown_url("https://host/v1?key=abc")
    'https://host/v1'
    """
    return plain(url.partition("?")[0].partition("#")[0], 200)
