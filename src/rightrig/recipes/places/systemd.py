"""Services of systemd: an instance an engine, and nothing that a crash loop could keep alive.

systemd.exec(5), systemd.resource-control(5), systemd.service(5), systemd.unit(5). Names of device
groups are those of /proc/devices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.gpu import PROCESSOR
from rightrig.recipes.launch import LEADER, RANK, File
from rightrig.recipes.patience import startup_s
from rightrig.recipes.places.cards import cards_variable, engines_cards
from rightrig.recipes.places.listening import VARIABLE, listens_at, listens_why, says_listener
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.recipes.launch import Flag, Launch, Variable
    from rightrig.recipes.serving import Serving

FOLDER: Final = "/etc/rightrig"
"""Where the recipe's folder is copied to."""
_UNIT: Final = "systemd/rightrig-engine@.service"
_DEVICES: Final = {
    "NVIDIA": ("char-nvidia*",),
    "AMD": ("/dev/kfd", "char-drm"),
    "Intel": ("char-drm",),
}
_NETWORK_DEVICES: Final = ("char-infiniband*", "/dev/infiniband/rdma_cm")
_STARTS: Final = 3
"""Starts after which a service that does not stay is left alone."""
_PAUSE_S: Final = 15
_ESCAPES: Final = (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$"))


def reason(serving: Serving) -> str | None:
    """Return why there is no systemd for this, or ``None``."""
    system, maker = serving.deployment.operating_system, serving.deployment.rig.gpu.vendor
    if maker == "Apple" or system in {"macos", "windows"}:
        return "systemd is of Linux; start serve.sh on this machine"
    return None


def files(serving: Serving, launch: Launch) -> tuple[File, ...]:
    """Return a template of a service, a target, and an environment for each instance.

    Args:
        serving: One that :func:`reason` has nothing against.
        launch: Of its engine.
    """
    cards = engines_cards(serving)
    return (
        File(_UNIT, _service(serving, launch), "a service of systemd, an instance an engine"),
        File(
            "systemd/rightrig.target",
            render("rightrig.target", engines=len(cards), name=serving.name, folder=FOLDER),
            "all engines of this machine together",
        ),
        File(
            "systemd/rightrig.sysusers",
            render("rightrig.sysusers"),
            "the user that engines run as, for systemd-sysusers",
        ),
        *(_instance(serving, launch, at, seen) for at, seen in enumerate(cards)),
    )


def _service(serving: Serving, launch: Launch) -> str:
    """Return the unit."""
    load_s, maker = startup_s(serving), serving.deployment.rig.gpu.vendor
    has_cards = serving.deployment.rig.gpu.architecture != PROCESSOR
    devices = (_DEVICES.get(maker, ()) if has_cards else ()) + (
        _NETWORK_DEVICES if serving.engine_nodes > 1 else ()
    )
    return render(
        "rightrig-engine.service",
        name=serving.name,
        version=launch.version,
        engine=launch.engine,
        folder=FOLDER,
        devices=devices,
        has_nvidia=maker == "NVIDIA" and has_cards,
        groups="" if maker == "NVIDIA" or not devices else "render video",
        environment=[
            {"why": one.why, "text": quoted(f"{one.name}={one.value}", is_command=False)}
            for one in launch.environment
            if not _is_wanted(one) and not _has_port(one, launch)
        ],
        command=" \\\n    ".join(_lines(serving, launch)),
        spans=serving.engine_nodes > 1,
        health=launch.health,
        listen_variable=VARIABLE,
        load_s=load_s,
        pause_s=_PAUSE_S,
        starts=_STARTS,
        # A start may take as long as loading does, so that the window must hold all of them.
        window_s=(_STARTS + 1) * (load_s + _PAUSE_S),
    )


def quoted(word: str, *, is_command: bool = True) -> str:
    r"""Return a word as a unit file takes it.

    Args:
        word: What the program is to see.
        is_command: Whether it stands in ``ExecStart=``, where ``$`` begins a variable.

    >>> quoted('{"a": "5%"}')
    '"{\\"a\\": \\"5%%\\"}"'
    """
    for plain, escaped in _ESCAPES:
        if plain != "$" or is_command:
            word = word.replace(plain, escaped)
    is_plain = word and not any(mark in word for mark in " \t'\"\\;")
    return word if is_plain else f'"{word}"'


def _lines(serving: Serving, launch: Launch) -> Iterator[str]:
    """Yield the command, an option a line."""
    yield " ".join(map(quoted, (*launch.entry, *launch.positional)))
    flags = (*launch.flags, *(launch.node_flags if serving.engine_nodes > 1 else ()))
    for flag in flags:
        if says_listener(flag):
            yield f"{flag.name} ${{{VARIABLE}}}"
        elif flag.name == launch.port_flag:
            yield f"{flag.name} ${{PORT}}"
        else:
            yield _flag(flag)
    if serving.engine_nodes > 1 and launch.worker_flags:
        # Split at spaces by systemd, and empty on machine 0.
        yield "$WORKER_FLAGS"


def _flag(flag: Flag) -> str:
    """Return one option; which machine it is differs from instance to instance."""
    text = " ".join(map(quoted, flag.words))
    return text.replace(RANK, "${MACHINE}").replace(LEADER, "${LEADER}")


def _has_port(variable: Variable, launch: Launch) -> bool:
    """Whether a variable says the port, for want of a flag."""
    return not launch.port_flag and variable.value.endswith(f":{launch.port}")


def _is_wanted(variable: Variable) -> bool:
    """Whether the reader must say the value: a shell would ask for it."""
    return variable.value.startswith("${")


def _instance(serving: Serving, launch: Launch, at: int, cards: Sequence[int]) -> File:
    """Return what differs from instance to instance."""
    is_mig = any(group.mig for group in serving.deployment.rig.groups)
    has_cards = serving.deployment.rig.gpu.architecture != PROCESSOR
    text = render(
        "rightrig-engine.env",
        at=at,
        port=launch.port + at,
        listen=listens_at(serving),
        listen_why=listens_why(serving),
        listen_variable=VARIABLE,
        variable=cards_variable(serving) if has_cards else "",
        cards=",".join(f"MIG-UUID-{n}" if is_mig else str(n) for n in cards),
        is_mig=is_mig,
        spans=serving.engine_nodes > 1,
        nodes=serving.engine_nodes,
        worker_flags=" ".join(word for flag in launch.worker_flags for word in flag.words),
        own=[
            f"{one.name}={listens_at(serving)}:{launch.port + at}"
            for one in launch.environment
            if _has_port(one, launch)
        ],
        wanted=[one for one in launch.environment if _is_wanted(one)],
    )
    return File(f"systemd/engine-{at}.env", text, f"port and cards of engine {at}")
