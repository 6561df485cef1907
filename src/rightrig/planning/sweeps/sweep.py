"""A sweep: every combination of a file as a task with a name, and the rows of all as one table."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.money import cost_usd_per_token
from rightrig.costs.rig_rent import cheapest_for
from rightrig.demand.sweep import demands_of, requests_count
from rightrig.deployment.compatibility_formats import stored_format
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.quantization import KV_BITS, is_gguf_mix, weight_format
from rightrig.planning.sweeps.work import (
    FAILED,
    MEASURES,
    Row,
    SweepTask,
    SweepWork,
    sources_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rightrig.demand.sweep import Demand, SweepFile
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.facts.price import Price

_MOST_TASKS: Final = 1_000_000
_SPLITS: Final = ("tp", "pp", "dp", "ep", "cp", "replicas")
"""Words of a split, as the options of the command line."""
_WHOLE: Final = re.compile(r"\d{1,6}", re.ASCII)
COMBINATION: Final = (
    "model", "rig", "runtime", "weights", "kv", "split", "max_seqs", "max_batched_tokens",
)  # fmt: skip
"""Columns that say what serves."""
COLUMNS: Final = (
    "id", "status", *COMBINATION, "demand", "rate_requests_per_s", "users_count", "seed",
    "rent_usd_per_month", "provider", "cost_usd_per_million_good_tokens", *MEASURES, "reason",
)  # fmt: skip
"""Columns of the results, in their order."""
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """All tasks of a file.

    Attributes:
        tasks: In the order of the file; two combinations that come to the same are one.
        labels: By the ID of a task, the columns that are known before it is done.
        combinations_count: Of models, rigs, engines, formats and splits, before two that are the
            same became one.
    """

    tasks: tuple[SweepTask, ...]
    work: SweepWork
    labels: Mapping[str, Row]
    combinations_count: int


@dataclass(frozen=True, slots=True)
class _Combination:
    """What serves: a deployment, or the reason why there is none.

    Attributes:
        said: The columns that name it.
        key: All that it is, as text.
    """

    deployment: Deployment | None
    reason: str
    said: Row
    key: str


def sweep_of(file: SweepFile, catalog: Catalog, find_llm: Callable[[str], Llm]) -> Sweep:
    """Return the tasks of a file.

    A combination that a rule forbids is a task that answers with the rule; a word that nobody
    knows is an error.

    Args:
        file: What is asked.
        catalog: Where names are looked up.
        find_llm: Returns the model of a name.

    Raises:
        InputError: for an unknown name, or more tasks than anybody would wait for.
    """
    _check_words(file, catalog)
    demands = demands_of(file)
    found = tuple(_combinations(file, catalog, find_llm))
    count = len(found) * len(demands) * len(file.seeds)
    if count > _MOST_TASKS:
        raise InputError(
            f"the sweep has {count:,} tasks; the most is {_MOST_TASKS:,}: use several files"
        )
    deployments = tuple(one.deployment for one in found if one.deployment is not None)
    work = SweepWork(
        sources=sources_key(),
        deployments=deployments,
        demands=demands,
        slo=file.objectives,
        requests_count=requests_count(file),
        intervals=file.intervals,
    )
    tasks, labels = _tasks(file, work, found, _user_records(catalog))
    return Sweep(tuple(tasks.values()), work, labels, len(found))


def _check_words(file: SweepFile, catalog: Catalog) -> None:
    """Refuse names of engines and formats that nobody knows."""
    for runtime in file.runtimes:
        catalog.runtime(runtime.partition("@")[0])
    for weights in file.weights:
        if weights.lower() != "checkpoint" and not is_gguf_mix(weights.lower()):
            weight_format(weights.lower())
    wrong = next((kv for kv in file.kv if kv.lower() not in KV_BITS), None)
    if wrong is not None:
        raise InputError(f"kv is {wrong[:40]!r}: it is one of {', '.join(KV_BITS)}")


def _combinations(
    file: SweepFile, catalog: Catalog, find_llm: Callable[[str], Llm]
) -> Iterator[_Combination]:
    """Yield what serves, in the order of the file."""
    llms = [find_llm(name) for name in file.models]
    rigs = [parse_rig(text, catalog) for text in file.rigs]
    chosen = [
        replace(
            split, runtime=runtime, weights=weights, kv=kv, max_seqs=max_seqs,
            max_batched_tokens=max_batched_tokens,
        )
        for runtime, weights, kv, split, max_seqs, max_batched_tokens in itertools.product(
            file.runtimes or (None,), file.weights or (None,), file.kv or (None,),
            [split_of(text) for text in file.splits] or (Choices(),),
            file.max_seqs or (None,), file.max_batched_tokens or (None,),
        )
    ]  # fmt: skip
    prices = catalog.prices()
    for llm, rig, choices in itertools.product(llms, rigs, chosen):
        try:
            deployment = propose(catalog, llm, rig, choices)
        except InputError as error:
            yield _forbidden(llm, rig, choices, str(error))
        else:
            yield _proposed(deployment, prices)


def split_of(text: str) -> Choices:
    """Return the choices that a split says.

    >>> split_of("tp=2, replicas=4").replicas
    4

    Raises:
        InputError: for a word that is none, or a number that is none.
    """
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name not in _SPLITS or name in found or not _WHOLE.fullmatch(number):
            raise InputError(
                f"splits: {text[:60]!r}: write whole numbers of {', '.join(_SPLITS)}, each at most "
                "once, such as tp=4,replicas=2"
            )
        found[name] = int(number)
    return Choices(
        tp=found.get("tp"),
        pp=found.get("pp"),
        attention_dp=found.get("dp"),
        expert_parallel=found.get("ep"),
        context_parallel=found.get("cp"),
        replicas=found.get("replicas"),
    )


def _proposed(deployment: Deployment, prices: Sequence[Price]) -> _Combination:
    """Return a combination that there is."""
    split, limits = deployment.parallelism, deployment.limits
    bought = cheapest_for(prices, deployment)
    said: Row = {
        "model": deployment.llm.name,
        "rig": deployment.rig.text,
        "runtime": deployment.runtime.slug + (deployment.version and f"@{deployment.version}"),
        "weights": stored_format(deployment),
        "kv": deployment.precision.kv,
        "split": split.text,
        "max_seqs": limits.max_seqs,
        "max_batched_tokens": limits.max_batched_tokens,
        "rent_usd_per_month": None if bought is None else bought.rent_usd_per_month,
        "provider": None if bought is None else bought.price.provider,
    }
    parts = (deployment.runtime.slug, deployment.version, deployment.precision, split, limits)
    key = f"{_llm_key(deployment.llm)} {deployment.rig.text} {parts!r}"
    return _Combination(deployment, "", said, key)


def _forbidden(llm: Llm, rig: Rig, choices: Choices, reason: str) -> _Combination:
    """Return a combination that a rule forbids."""
    words = {name: value for name, value in asdict(choices).items() if value is not None}
    splits = (choices.tp, choices.pp, choices.attention_dp, choices.expert_parallel,
              choices.context_parallel, choices.replicas)  # fmt: skip
    said: Row = {
        "model": llm.name,
        "rig": rig.text,
        **{name: words[name] for name in COMBINATION if name in words},
        "split": ",".join(
            f"{name}={count}" for name, count in zip(_SPLITS, splits, strict=True) if count
        )
        or None,
    }
    return _Combination(None, reason, said, f"{_llm_key(llm)} {rig.text} {words!r} {reason}")


def _llm_key(llm: Llm) -> str:
    """Return a hash of a model: it may come from a file."""
    return _hash(llm.model_dump_json())


def _user_records(catalog: Catalog) -> str:
    """Return a hash of the records of users that lie over the catalogue, prices excepted."""
    return _hash(*(
        f"{kind} {slug} {record.model_dump_json()}"
        for layer in catalog.layers
        for kind, records in sorted(layer.records.items())
        for slug, record in sorted(records.items())
    ))  # fmt: skip


def _tasks(
    file: SweepFile, work: SweepWork, found: Sequence[_Combination], user_records: str
) -> tuple[dict[str, SweepTask], dict[str, Row]]:
    """Return the tasks of combinations, demands and seeds by their IDs, and their labels."""
    tasks: dict[str, SweepTask] = {}
    labels: dict[str, Row] = {}
    shared = (work.sources, user_records, work.slo.model_dump_json(),
              f"{work.requests_count} {work.intervals}")  # fmt: skip
    place = -1
    for one in found:
        place += one.deployment is not None
        for (number, demand), seed in itertools.product(enumerate(work.demands), file.seeds):
            name = _hash(*shared, one.key, demand.key, str(seed))[:20]
            if name not in tasks:
                tasks[name] = SweepTask(name, place, number, seed, one.reason)
                labels[name] = {**one.said, **_label(demand), "seed": seed}
    return tasks, labels


def _label(demand: Demand) -> Row:
    """Return the columns that say what is asked."""
    return {
        "demand": demand.text,
        "rate_requests_per_s": demand.rate_requests_per_s,
        "users_count": demand.users_count,
    }


def _hash(*parts: str) -> str:
    """Return a hash of texts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def results_of(sweep: Sweep, rows: Mapping[str, Row], errors: Mapping[str, str]) -> tuple[Row, ...]:
    """Return a whole row for every task, in their order, with today's rent.

    Args:
        sweep: The tasks.
        rows: What was found, by the ID of the task.
        errors: Why nothing was found, by the ID of the task.
    """
    found = []
    for task in sweep.tasks:
        row = rows.get(task.id) or {"status": FAILED, "reason": errors[task.id]}
        whole = {"id": task.id, **sweep.labels[task.id], **row}
        whole["cost_usd_per_million_good_tokens"] = _cost_usd(whole)
        found.append({name: whole.get(name) for name in COLUMNS})
    return tuple(found)


def _cost_usd(row: Row) -> float | None:
    """Return rent over a million output tokens of requests that met the objectives."""
    rent, tokens_per_s = row.get("rent_usd_per_month"), row.get("good_tokens_per_s")
    if not isinstance(rent, float) or not isinstance(tokens_per_s, float) or not tokens_per_s:
        return None
    return cost_usd_per_token(rent, tokens_per_s) * _MILLION
