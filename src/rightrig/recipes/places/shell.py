"""A script that starts an engine on a machine that has its program."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

from rightrig.facts.gpu import PROCESSOR
from rightrig.recipes.launch import LEADER, RANK, File
from rightrig.recipes.places.cards import cards_variable, engines_cards
from rightrig.recipes.places.listening import (
    EVERY_INTERFACE,
    VARIABLE,
    listens_at,
    listens_why,
    says_listener,
)
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.launch import Flag, Launch
    from rightrig.recipes.serving import Serving

PATH: Final = "serve.sh"
_HELD: Final = {RANK: '"$rank"', LEADER: '"$leader"'}


def reason(serving: Serving, launch: Launch) -> str | None:
    """Return why there is no script, or ``None``."""
    if serving.engine_nodes > 1 and not launch.node_flags:
        own = ", ".join(one.path for one in launch.files)
        return f"{launch.engine} is started on all machines by its own means: see {own}"
    return None


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return the script.

    It takes the number of the engine where a machine has several, the number of the machine and
    the address of the first where an engine spans several, and then further words of the engine.
    """
    engines = engines_cards(serving)
    shown = [_cards(serving, cards) for cards in engines]
    has_several, spans = len(engines) > 1, serving.engine_nodes > 1
    is_part = serving.deployment.rig.cards_per_node > sum(map(len, engines))
    text = render(
        PATH,
        title=_title(serving, launch),
        asked=serving.asked,
        usage=_usage(has_several=has_several, spans=spans),
        environment=[
            {"name": one.name, "why": one.why, "text": _value(one.value, launch, has_several)}
            for one in launch.environment
        ],
        listen=listens_at(serving),
        listen_why=listens_why(serving),
        listen_variable=VARIABLE,
        engines=shown if has_several else [],
        cards=shown[0] if is_part or _is_mig(serving) else "",
        cards_variable=cards_variable(serving),
        port=launch.port,
        is_spanning=spans,
        nodes=serving.engine_nodes,
        worker_words=shlex.join(word for flag in launch.worker_flags for word in flag.words),
        command=" \\\n  ".join(_lines(launch, has_several=has_several, spans=spans)),
    )
    return (File(PATH, text, "starts an engine on this machine", is_executable=True),)


def _title(serving: Serving, launch: Launch) -> str:
    """Return what is started, in a line."""
    deployment = serving.deployment
    return f"{serving.name} on {deployment.rig.text}: {launch.engine} {launch.version}"


def _usage(*, has_several: bool, spans: bool) -> str:
    """Return how the script is called."""
    if spans:
        return "sh serve.sh MACHINE ADDRESS_OF_MACHINE_0, once on each machine"
    return "sh serve.sh ENGINE, once for each" if has_several else "sh serve.sh"


def _lines(launch: Launch, *, has_several: bool, spans: bool) -> Iterator[str]:
    """Yield the command, an option a line."""
    yield " ".join(map(_text, (*launch.entry, *launch.positional)))
    for flag in launch.flags:
        if says_listener(flag):
            yield f'{flag.name} "$listen"'
        elif has_several and flag.name == launch.port_flag:
            yield f'{flag.name} "$port"'
        else:
            yield _flag(flag)
    if spans:
        yield from map(_flag, launch.node_flags)


def _value(value: str, launch: Launch, has_several: bool) -> str:  # noqa: FBT001 - as it is read
    """Return the value of a variable; one that says the port says where this engine listens."""
    if not launch.port_flag and value == f"{EVERY_INTERFACE}:{launch.port}":
        return '"$listen:$port"' if has_several else f'"$listen:{launch.port}"'
    return _text(value)


def _flag(flag: Flag) -> str:
    """Return one option."""
    return " ".join(map(_text, flag.words))


def _text(word: str) -> str:
    """Return a word as a shell takes it; variables stay for it to fill in."""
    for held, variable in _HELD.items():
        if held in word:
            return '"' + word.replace(held, variable.strip('"')) + '"'
    return f'"{word}"' if word.startswith("${") else shlex.quote(word)


def _is_mig(serving: Serving) -> bool:
    """Whether engines run on instances of cards, which are named by UUIDs."""
    return any(group.mig for group in serving.deployment.rig.groups)


def _cards(serving: Serving, cards: tuple[int, ...]) -> str:
    """Return the cards of an engine as their variable takes them."""
    if serving.deployment.rig.gpu.architecture == PROCESSOR:
        return ""
    if _is_mig(serving):
        return ",".join(f'"${{MIG_{n}:?UUID of instance {n}: see nvidia-smi -L}}"' for n in cards)
    return ",".join(map(str, cards))
