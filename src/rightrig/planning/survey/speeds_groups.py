"""Deployments of many models in groups whose engines run alike, each group with one timer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rightrig.errors import InputError
from rightrig.planning.speed_table import taken
from rightrig.planning.survey.speeds_timer import many_timer
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.predict import refuse_unmodelled
from rightrig.prediction.rates import compute_type
from rightrig.prediction.timers import pace_of, speeds_of, stack_speeds
from rightrig.work.flat_steps import FlatKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rightrig.deployment.deployment import Deployment
    from rightrig.planning.survey.speeds_timer import ManyTimer
    from rightrig.prediction.efficiency import Speeds
    from rightrig.prediction.evidence import Measured
    from rightrig.prediction.parameters import Engine
    from rightrig.work.flat_steps import FlatTables

    Column = NDArray[np.float64]
    Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Deployments whose engines run alike.

    Attributes:
        places: Which of all deployments they are.
        timer: The steps of one engine of each.
        replicas_count: Engines of each.
        measured: What was measured near each kind of cards and engine.
        kinds: Which kind each is.
    """

    places: Places
    timer: ManyTimer
    replicas_count: Column
    measured: tuple[Measured, ...]
    kinds: Places

    def ends_ratio(
        self, of: Callable[[Measured, bool], tuple[float, float]]
    ) -> NDArray[np.float64]:
        """Return both ends of an interval over its middle, of each deployment.

        Args:
            of: The ends from what was measured, and whether a model has experts.
        """
        both = (False, True)
        known = np.array([[of(one, experts) for experts in both] for one in self.measured])
        return np.asarray(known[self.kinds, self.timer.steps.has_experts.astype(np.int64)].T)


@dataclass(slots=True)
class _Members:
    """The deployments of one engine while they are collected."""

    engine: Engine
    speeds: list[Speeds] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Deployments that share cards, links and an engine: whose members, the how many-th kind."""

    members: _Members
    number: int


@dataclass(slots=True)
class _Kinds:
    """All kinds that were met, and the members of each engine."""

    members: dict[Engine, _Members] = field(default_factory=dict)
    met: dict[tuple[object, ...], _Kind | None] = field(default_factory=dict)
    alike: dict[tuple[object, ...], _Kind | None] = field(default_factory=dict)

    def of(self, deployment: Deployment) -> _Kind | None:
        """Return the kind of a deployment; ``None`` where its speed is not modelled."""
        key = _kind_key(deployment)
        if key not in self.met:
            # Formats that a card multiplies in the same type have the same speeds.
            wide = (*key[:3], *_compute_types(deployment), *key[4:])
            if wide not in self.alike:
                self.alike[wide] = self._new(deployment)
            self.met[key] = self.alike[wide]
        return self.met[key]

    def _new(self, deployment: Deployment) -> _Kind | None:
        """Return a kind that was not met before."""
        try:
            refuse_unmodelled(deployment)
        except InputError:
            return None
        engine = engine_for(deployment.runtime, deployment.version)
        members = self.members.setdefault(engine, _Members(engine))
        members.speeds.append(speeds_of(deployment))
        return _Kind(members, len(members.speeds) - 1)


def groups_of(
    deployments: Sequence[Deployment], places: Iterable[int], tables: FlatTables
) -> Iterator[Group]:
    """Yield some deployments in groups; what ``predict`` does not model is in none.

    Args:
        deployments: All of them.
        places: Which are asked for.
        tables: What is known of their steps.
    """
    kinds = _Kinds()
    for place in places:
        kind = kinds.of(deployments[place])
        if kind is not None:
            kind.members.places.append(place)
            kind.members.kinds.append(kind.number)
    for members in kinds.members.values():
        yield _group(members, [deployments[place] for place in members.places], tables)


def _kind_key(deployment: Deployment) -> tuple[object, ...]:
    """Return what decides the speeds of a deployment (``timers.speeds_of``)."""
    split, precision = deployment.parallelism, deployment.precision
    return (
        id(deployment.rig),
        deployment.runtime.slug,
        deployment.version,
        deployment.llm.format_of(precision.weights),
        split.tp,
        split.attention_dp,
        split.pp > 1,
        # What this very machine measured is known a model.
        deployment.llm.slug if any(one.gpu.measured_here for one in deployment.rig.groups) else "",
    )


def _compute_types(deployment: Deployment) -> tuple[tuple[str, bool], ...]:
    """Return in which type each group of cards multiplies, and whether it unpacks weights."""
    own = deployment.llm.format_of(deployment.precision.weights)
    groups = deployment.rig.groups
    return tuple(compute_type(group.gpu, deployment.runtime, own) for group in groups)


def _group(members: _Members, deployments: Sequence[Deployment], tables: FlatTables) -> Group:
    """Return the deployments of one engine as a group."""
    kinds = np.array(members.kinds, dtype=np.int64)
    splits = [deployment.parallelism for deployment in deployments]
    counts = np.array(
        [
            (s.pp, s.attention_dp, s.replicas, d.limits.max_batched_tokens)
            for s, d in zip(splits, deployments, strict=True)
        ],
        dtype=float,
    )
    stages, groups, replicas, step_tokens = counts.T
    timer = many_timer(
        tables.steps([key_of(deployment) for deployment in deployments]),
        taken(stack_speeds(members.speeds), kinds),
        pace_of(members.engine, stages, groups, step_tokens),
    )
    return Group(
        places=np.array(members.places, dtype=np.int64),
        timer=timer,
        replicas_count=replicas,
        measured=tuple(speeds.measured for speeds in members.speeds),
        kinds=kinds,
    )


def key_of(deployment: Deployment) -> FlatKey:
    """Return what decides the work of a deployment's steps.

    Raises:
        InputError: for a deployment with a draft or adapters, whose steps do more.
    """
    companions, split = deployment.companions, deployment.parallelism
    if companions.lora_count or companions.draft_ahead or companions.draft is not None:
        raise InputError(
            f"{deployment.llm.name} has a draft or adapters beside it, and a survey of many models "
            "knows models alone; predict this deployment by itself"
        )
    divided = (split.tp, split.attention_dp, split.experts_over, split.context_parallel)
    precision = deployment.precision
    return FlatKey(deployment.llm, precision.weights, precision.kv, divided, split.pp)
