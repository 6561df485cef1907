"""What is kept of a load test, so that it can be repeated and its server's model refined."""

from __future__ import annotations

import dataclasses
import shlex
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from rightrig.verbs.this_machine import machine_name, own_versions

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.load.ramp_kept import Keeper
    from rightrig.verbs.loading import Asked, Subject

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - names, no bind
_NO_STORE: Final = (
    "the run is not kept: pip install 'rightrig[store]' (--no-keep keeps none and says nothing)"
)


def begun(
    asked: Asked, subject: Subject, where: str, versions: dict[str, str]
) -> tuple[Keeper, tuple[str, ...]]:
    """Return what keeps the levels of a run, and why where nothing does.

    Args:
        asked: The words of the command.
        subject: What is tested.
        where: The address of the server as it may be shown, or the file that is read.
        versions: Of software that took part.

    Raises:
        InputError: for a store that cannot be used; ``--no-keep`` does without.
    """
    from rightrig.measuring.load.ramp_kept import Keeper, served_by

    if not asked.keeps:
        return Keeper(), ()
    if any(find_spec(module) is None for module in ("sqlalchemy", "pyarrow")):
        return Keeper(), (_NO_STORE,)
    from rightrig.store import open_store
    from rightrig.store.records import NewRun

    new = NewRun(
        kind="load",
        machine=_machine(asked, where),
        command=_command(asked),
        versions={**own_versions(), **versions},
        settings=_settings(asked, subject, where),
        served=None if subject.deployment is None else served_by(subject.deployment, asked.model),
    )
    return Keeper(open_store(), new), ()


def kept_name(asked: Asked) -> str:
    """Return the command as it is shown and kept."""
    return shlex.join(_command(asked))


def _command(asked: Asked) -> tuple[str, ...]:
    """Return the words of the command; of the address without what may be a key."""
    from rightrig.measuring.load.ramp_first import shown_url

    url = asked.server.url
    return tuple(shown_url(word) if url and word == url else word for word in asked.command)


def _machine(asked: Asked, where: str) -> str:
    """Return whose speed was measured: this machine's, or that of the address."""
    host = urlsplit(where).hostname or ""
    is_here = (asked.on or "").startswith("this") or host in _HERE
    if where.startswith("file:") and asked.on is not None and not is_here:
        return asked.on
    if not is_here and host:
        return host
    return machine_name()


def _settings(asked: Asked, subject: Subject, where: str) -> dict[str, object]:
    """Return what was asked, as JSON."""
    words = dataclasses.asdict(asked.words)
    found: dict[str, object] = {
        "where": where,
        "api": asked.server.api,
        "traffic": {name: value for name, value in words.items() if value is not None},
        "concurrency": asked.concurrency,
        "ramp": asked.is_ramp,
        "slo": {f"{o.metric}_p{o.percentile}_s": o.limit_s for o in subject.slo.objectives()},
    }
    if subject.deployment is not None:
        found |= _limits(subject.deployment)
    return found


def _limits(deployment: Deployment) -> dict[str, object]:
    """Return what bounds the engine, by the names of ``Choices``."""
    limits, split = deployment.limits, deployment.parallelism
    return {
        "max_seqs": limits.max_seqs,
        "max_batched_tokens": limits.max_batched_tokens,
        "memory_ratio": limits.memory_ratio,
        "attention_dp": split.attention_dp,
        "replicas": split.replicas,
    }
