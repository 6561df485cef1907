"""The live side of ``tune``: the engine's address and load, and the runs that are kept."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.measuring.load.outcome import Level
from rightrig.measuring.load.ramp_kept import served_by
from rightrig.measuring.tune.live import Live
from rightrig.measuring.tune.recorded import Experiment as Kept
from rightrig.measuring.tune.recorded import Recorded
from rightrig.measuring.tune.template import template_of
from rightrig.quantities import parse
from rightrig.verbs.loading_words import target_of
from rightrig.verbs.this_machine import machine_name, own_versions, this_machine

if TYPE_CHECKING:
    from rightrig.measuring.tune.settings import Setting
    from rightrig.store.database import Store
    from rightrig.store.records import Served
    from rightrig.verbs.tuning_asked import Experiment

_LONGEST_START_S: Final = 7_200.0
_LONGEST_S: Final = 86_400.0
_DRAIN_S: Final = 60.0
_LOOPBACK: Final = "http://127.0.0.1:{port}"


def bench_of(experiment: Experiment) -> Live:
    """Return what starts engines and loads them.

    Raises:
        InputError: for a template, an address or a time that cannot be.
        MissingError: when the engine is no program of this machine.
    """
    asked = experiment.asked
    server = asked.server
    template = template_of(server.command or "", experiment.baseline)
    if not template.has_port and server.url is None:
        raise InputError(
            "--engine has no place {port}: write it where the engine takes its port, or add --url "
            "http://127.0.0.1:8000, where it answers"
        )
    if template.has_port and server.url is not None and "{port}" not in server.url:
        raise InputError("--engine has a place {port}: write {port} into --url too, or drop --url")
    patience_s = parse(server.start_timeout, "time", name="--start-timeout", limit=_LONGEST_START_S)
    address = server.url or _LOOPBACK
    make = partial(target_of, server)
    make(address.replace("{port}", "8000"))  # what is wrong with it is said before a start
    return Live(
        template, address, make, experiment.requests,
        _level(experiment), experiment.slo, patience_s, not server.one_start,
        experiment.price_usd_per_hour, asked.words.seed,
    )  # fmt: skip


def _level(experiment: Experiment) -> Level:
    """Return how the requests of a run are sent."""
    asked, traffic = experiment.asked, experiment.draw(0)
    seconds_s = parse(asked.way.seconds, "time", name="--seconds", limit=_LONGEST_S)
    count = len(traffic.requests)
    if traffic.users_count is None:
        return Level("open", requests_count=count, duration_s=seconds_s, drain_s=_DRAIN_S)
    return Level(
        "closed", concurrency=traffic.users_count, requests_count=count, duration_s=seconds_s,
        drain_s=_DRAIN_S,
    )  # fmt: skip


def recorded(bench: Live, store: Store, experiment: Experiment) -> Recorded:
    """Return the same bench, whose runs are kept and taken up again."""
    asked, machine = experiment.asked, this_machine()
    kept = Kept(
        machine=machine_name(),
        command=asked.typed,
        versions={**(machine.versions if machine else {}), **own_versions()},
        conditions=_conditions(experiment),
        served=lambda setting: _served(experiment, setting),
    )
    return Recorded(bench, store, kept, resumes=not asked.way.fresh)


def _conditions(experiment: Experiment) -> dict[str, object]:
    """Return all that a run depends on beside its setting and its number."""
    asked = experiment.asked
    server, words = asked.server, asked.words
    return {
        "engine": server.command, "url": server.url, "name": server.name, "api": server.api,
        "timeout": server.timeout, "ignore_eos": server.fixes_length,
        "one_start": server.one_start, "seconds": asked.way.seconds,
        "traffic": {field: getattr(words, field) for field in words.__slots__},
        "slo": experiment.slo.model_dump(), "price_usd_per_hour": experiment.price_usd_per_hour,
    }  # fmt: skip


def _served(experiment: Experiment, setting: Setting) -> Served | None:
    """Return what a setting serves; ``None`` where that is not said, or cannot be."""
    if experiment.subject is None:
        return None
    try:
        return served_by(experiment.subject.deploy(setting), experiment.asked.model)
    except InputError:
        return None
