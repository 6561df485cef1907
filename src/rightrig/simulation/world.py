"""From a cluster and requests to the arrays that the kernels work on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.errors import InputError
from rightrig.simulation import layout
from rightrig.simulation.layout import (
    ENTRY,
    FAILURE,
    FINISH,
    GAP_BATCHES,
    GAP_BINS,
    KIND,
    MOST_CLASSES,
    RECORD,
    REPLICA,
    ROW,
    SLOT,
    TENANT,
    WORLD,
)
from rightrig.simulation.lists import new_links
from rightrig.simulation.loop import grown_queue, new_queue, schedule
from rightrig.simulation.prefix_cache import place_all

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.demand.requests import Requests
    from rightrig.prediction.step_table import StepTable
    from rightrig.simulation._rows import Rows
    from rightrig.simulation.cluster import Cluster, Engines, Traits


_ORDERS: Final = {
    "chunked": layout.CHUNKED, "prefill-first": layout.PREFILL_FIRST, "static": layout.STATIC,
}  # fmt: skip
_RESERVES: Final = {"none": layout.NO_BLOCKS, "prompt": layout.PROMPT, "whole": layout.WHOLE}
_ROUTERS: Final = {
    "round-robin": layout.ROUND_ROBIN, "least-loaded": layout.LEAST_LOADED,
    "least-kv": layout.LEAST_KV, "prefix": layout.PREFIX, "power-of-two": layout.POWER_OF_TWO,
}  # fmt: skip
_ROLES: Final = {"both": layout.BOTH, "prefill": layout.PREFILL, "decode": layout.DECODE}
_FIRST_SLOTS: Final = 4096
_FIRST_ENTRIES: Final = 1 << 20
_BINS: Final = 512


def rows_of(requests: Requests, first: int, last: int) -> Any:  # noqa: ANN401 - structured array
    """Return some rows of requests as the loop reads them."""
    rows = np.zeros(last - first, ROW)
    part = slice(first, last)
    rows["arrival_s"] = requests.arrival_s[part]
    rows["input"], rows["output"] = requests.input_tokens[part], requests.output_tokens[part]
    optional = (
        ("klass", _ranks(requests), 0), ("tenant", requests.tenant_index, -1),
        ("reasoning", requests.reasoning_tokens, 0), ("patience_s", requests.patience_s, np.inf),
        ("next", requests.next_index, -1), ("think_s", requests.think_s, 0.0),
    )  # fmt: skip
    for name, column, usual in optional:
        rows[name] = column[part] if len(column) else usual
    if len(requests.block_offsets):
        rows["block_from"] = requests.block_offsets[first:last]
        rows["block_to"] = requests.block_offsets[first + 1 : last + 1]
    return rows


class World:
    """The arrays of a simulation, and the record through which the kernels find them."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        """Take arrays by the names of ``layout.ARRAYS``."""
        self.record = np.zeros(1, WORLD)
        self.arrays: dict[str, Any] = {}
        self.put(**arrays)

    def put(self, **arrays: Any) -> None:  # noqa: ANN401 - arrays of any kind
        """Put arrays in place of those of their names."""
        for name, array in arrays.items():
            whole = np.ascontiguousarray(array)
            self.arrays[name] = whole
            self.record[f"{name}_at"] = whole.ctypes.data
            self.record[f"{name}_size"] = len(whole)
        self.record["heap_size"] = self.arrays["finishing"].shape[1]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - an array of any kind
        """Return an array."""
        return self.arrays[name]

    def value(self, name: str) -> Any:  # noqa: ANN401 - a count or a time
        """Return a field of the record."""
        return self.record[0][name].item()

    def set(self, **values: float) -> None:
        """Set fields of the record."""
        for name, value in values.items():
            self.record[name] = value


def _ranks(requests: Requests) -> NDArray[np.int64]:
    """Return each request's place in the order of priorities; classes of one priority share it."""
    if not len(requests.class_index):
        return requests.class_index
    _, ranks = np.unique([each.priority for each in requests.classes], return_inverse=True)
    if ranks.max() >= MOST_CLASSES:
        raise InputError(f"{ranks.max() + 1} priorities; at most {MOST_CLASSES} are simulated")
    return ranks.astype(np.int64)[requests.class_index]


def new_world(cluster: Cluster, requests: Requests, seed: int) -> World:
    """Return a cluster at time 0 that has seen no request."""
    tables, kinds = _kinds(cluster)
    count = cluster.replicas_count
    queue, places = new_queue(2 * count + 2 + 2 * _FIRST_SLOTS)
    entries_most = _entries_most(cluster)
    entries = min(entries_most, _FIRST_ENTRIES)
    w = World({
        "rows": np.zeros(0, ROW),
        "slots": np.zeros(_FIRST_SLOTS, SLOT),
        "replicas": _replicas(cluster),
        "kinds": kinds,
        "tables": tables,
        "finishing": np.zeros((count, int(kinds["max_seqs"].max()) + 1), FINISH),
        "queue": queue,
        "places": places,
        "links": new_links(_FIRST_SLOTS),
        "free": np.arange(_FIRST_SLOTS - 1, -1, -1),
        "records": np.zeros(0, RECORD),
        "identities": requests.block_ids,
        "entries": np.zeros(entries, ENTRY),
        "entries_free": np.arange(entries - 1, -1, -1),
        "buckets": np.zeros(_buckets_count(entries), np.int64),
        "gaps": np.zeros((GAP_BATCHES, GAP_BINS)),
        "bins": np.zeros((_BINS, 3)),
        "tenants": _tenants(cluster, requests),
        "failures": _failures(cluster),
    })  # fmt: skip
    w.set(free_count=_FIRST_SLOTS, entries_free_count=entries, entries_most=entries_most)
    _set_cluster(w, cluster, requests, seed)
    _schedule_first(w, cluster)
    return w


def _schedule_first(w: World, cluster: Cluster) -> None:
    """Schedule what the cluster itself does."""
    count = cluster.replicas_count
    if cluster.autoscaling is not None:
        schedule(w["queue"], w["places"], 2 * count, 0.0, 1)
    if len(w["failures"]):
        schedule(w["queue"], w["places"], 2 * count + 1, float(w["failures"][0]["time_s"]), 1)


def grow(w: World) -> None:
    """Make room for more requests, and for more prefixes, where they are short."""
    slots, kept = len(w["slots"]), w.value("free_count")
    if kept < slots // 2:
        queue, places = grown_queue(w["queue"], w["places"], len(w["places"]) + 2 * slots)
        w.put(
            slots=np.concatenate((w["slots"], np.zeros(slots, SLOT))),
            links=np.concatenate((w["links"], new_links(slots))),
            queue=queue,
            places=places,
            free=_more_free(w["free"], kept, slots, 2 * slots),
        )
        w.set(free_count=kept + slots)
    if len(w["entries"]) < w.value("entries_most"):
        _grow_entries(w)


def _more_free(stack: Any, kept: int, had: int, size: int) -> NDArray[np.int64]:  # noqa: ANN401
    """Return a stack of free places with the new ones on top."""
    free = np.zeros(size, np.int64)
    free[:kept] = stack[:kept]
    free[kept : kept + size - had] = np.arange(size - 1, had - 1, -1)
    return free


def _grow_entries(w: World) -> None:
    """Make room for more prefixes, and put the known ones into a larger table."""
    had, kept = len(w["entries"]), w.value("entries_free_count")
    size = int(min(2 * had, w.value("entries_most")))
    before = w["buckets"]
    w.put(
        entries=np.concatenate((w["entries"], np.zeros(size - had, ENTRY))),
        entries_free=_more_free(w["entries_free"], kept, had, size),
        buckets=np.zeros(_buckets_count(size), np.int64),
    )
    w.set(entries_free_count=kept + size - had)
    place_all(w.record, before)


def _buckets_count(entries: int) -> int:
    """Return buckets for some entries: a power of two, at least half of them free."""
    return 1 << max(4, math.ceil(math.log2(max(2 * entries, 1))))


def _set_cluster(w: World, cluster: Cluster, requests: Requests, seed: int) -> None:
    """Set what a cluster is and what happens to it."""
    w.set(
        router=_ROUTERS[cluster.router],
        request_s=cluster.request_s,
        timeout_s=cluster.timeout_s,
        splits=int(cluster.is_divided),
        at_router=-1,
        detached=-1,
    )
    w.record["random"] = np.uint64(seed)
    last = requests.open_count - 1
    w.set(bin_s=max(float(requests.arrival_s[last]), 1e-3) / (0.75 * _BINS))
    scaling = cluster.autoscaling
    if scaling is not None:
        w.set(
            scale_every_s=scaling.interval_s,
            target_count=scaling.target_count,
            fewest=scaling.fewest_count,
            most=cluster.replicas_count,
            cooldown_s=scaling.cooldown_s,
            cold_s=scaling.cold_start_s,
            warm_s=scaling.warm_start_s,
            warm_free=scaling.warm_count,
        )
    if cluster.failures is not None:
        w.set(repair_s=cluster.failures.repair_s)


def _replicas(cluster: Cluster) -> Any:  # noqa: ANN401 - structured array
    """Return all replicas, idle; those beyond the fewest of an autoscaler are off."""
    replicas = np.zeros(cluster.replicas_count, REPLICA)
    first = 0
    for kind, engines in enumerate(cluster.engines):
        own = replicas[first : first + engines.count]
        own["kind"], own["role"] = kind, _ROLES[engines.role]
        first += engines.count
    for name in ("running", "waiting", "reading"):
        replicas[name] = -1
    for name in (
        "fresh_first", "leaving_first", "held_first", "lru_first", "lru_last", "tier_first",
        "tier_last",
    ):  # fmt: skip
        replicas[name] = -1
    replicas["life"], replicas["surplus_s"] = layout.READY, np.inf
    if cluster.autoscaling is not None:
        replicas["life"][cluster.autoscaling.fewest_count :] = layout.OFF
    return replicas


def _tenants(cluster: Cluster, requests: Requests) -> Any:  # noqa: ANN401 - structured array
    """Return the limits of tenants; -1 for none."""
    tenants = np.zeros(max(len(requests.tenants), 1), TENANT)
    tenants["limit"] = -1
    for place, name in enumerate(requests.tenants):
        tenants["limit"][place] = cluster.tenant_limits.get(name, -1)
    return tenants


def _failures(cluster: Cluster) -> Any:  # noqa: ANN401 - structured array
    """Return when which replica dies."""
    planned = () if cluster.failures is None else cluster.failures.at
    return np.array(list(planned), FAILURE)


def _entries_most(cluster: Cluster) -> int:
    """Return how many prefixes all replicas can hold."""
    total = 0
    for engines in cluster.engines:
        cache = engines.traits.prefix_cache
        if cache is not None:
            blocks = engines.traits.blocks_count * engines.traits.block_tokens
            total += engines.count * ((blocks + cache.cpu_tokens) // cache.unit_tokens + 1)
    return total


def _kinds(cluster: Cluster) -> tuple[Rows, Any]:
    """Return all tables in one array, and the kinds of engines that point into it."""
    kinds = np.zeros(len(cluster.engines), KIND)
    parts: list[Rows] = []
    size = 0
    for kind, engines in zip(kinds, cluster.engines, strict=True):
        _fill_limits(kind, engines.traits)
        kind["weight_ratio"] = engines.weight_ratio
        size = _fill_times(kind, engines, parts, size)
    return np.concatenate(parts), kinds


def _fill_limits(kind: Any, traits: Traits) -> None:  # noqa: ANN401 - row of a structured array
    """Fill in what an engine may do."""
    kind["order"], kind["reserve"] = _ORDERS[traits.order], _RESERVES[traits.reserve]
    kind["swaps"] = int(traits.preemption == "swap")
    kind["max_seqs"], kind["budget"] = traits.max_seqs, traits.max_batched_tokens
    kind["blocks"], kind["block"] = traits.blocks_count, traits.block_tokens
    kind["watermark"], kind["slot_tokens"] = traits.watermark_blocks, traits.slot_tokens
    kind["swap_s_per_token"] = traits.swap_s_per_token
    kind["max_queue"] = -1 if traits.max_queue_count is None else traits.max_queue_count
    kind["seq_rows"], kind["accepted_count"], kind["unit"] = traits.seq_rows_count, 1.0, 1
    if traits.speculation is not None:
        _fill_speculation(kind, traits.speculation.drafted_count, traits)
    kind["block_steps"] = max(1, int(traits.block_tokens / kind["accepted_count"]))
    cache = traits.prefix_cache
    if cache is not None:
        kind["caches"], kind["unit"] = 1, cache.unit_tokens // traits.block_tokens
        kind["tier_units"] = cache.cpu_tokens // cache.unit_tokens
        kind["tier_s_per_token"] = cache.cpu_s_per_token
    if traits.transfer is not None:
        kind["transfer_s"] = traits.transfer.latency_s
        kind["transfer_s_per_token"] = traits.transfer.time_s_per_token


def _fill_speculation(kind: Any, drafted: int, traits: Traits) -> None:  # noqa: ANN401
    """Fill in what drafting does to a step."""
    speculation = traits.speculation
    assert speculation is not None  # noqa: S101 - the caller has looked
    accepted = speculation.acceptance_ratio
    kind["drafted"], kind["acceptance_ratio"] = drafted, accepted
    kind["seq_rows"] = drafted + 1
    kind["accepted_count"] = (1.0 - accepted ** (drafted + 1)) / (1.0 - accepted)


def _fill_times(
    kind: Any,  # noqa: ANN401 - row of a structured array
    engines: Engines,
    parts: list[Rows],
    size: int,
) -> int:
    """Append an engine's tables and note where they begin; return the new size of all."""
    table, traits = engines.table, engines.traits
    most = traits.max_batched_tokens * table.lanes
    columns = {
        "knots": table.knots_tokens, "decode": table.decode_s, "device": table.device_s,
        "prompts": table.prompts_tokens, "rows": table.rows_s, "prefill": table.prefill_s,
        "prompt_of": _knot_before(table.prompts_tokens, np.arange(most + 1.0)),
        "seqs_of": _place_among(table.groups_seqs, np.arange(traits.max_seqs + 1.0)),
    }  # fmt: skip
    for name, values in columns.items():
        kind[name] = size
        parts.append(np.ascontiguousarray(values, dtype=float).ravel())
        size += parts[-1].size
    kind["budget"] = most
    kind["knots_count"], kind["prompts_count"] = len(table.knots_tokens), len(table.prompts_tokens)
    kind["groups"] = len(table.groups_seqs)
    for name in ("step_s", "eager_s", "sequence_s", "lanes", "stages"):
        kind[name] = getattr(table, name)
    kind["overlapped"] = int(table.overlapped)
    _check_table(table, traits)
    return size


def _check_table(table: StepTable, traits: Traits) -> None:
    """Refuse a table that is too small for an engine's limits; a fault of the caller."""
    if len(table.decode_s) <= traits.max_seqs:
        raise ValueError(f"the table knows {len(table.decode_s) - 1} sequences, not max_seqs")
    if traits.max_seqs < 1 or traits.max_batched_tokens < 1:
        raise ValueError("an engine runs at least one sequence and one token")


def _knot_before(knots: Rows, values: Rows) -> Rows:
    """Return for each value the knot at or below it, never the last."""
    found = np.searchsorted(knots, values, side="right") - 1
    return np.clip(found, 0, len(knots) - 2).astype(float)


def _place_among(knots: Rows, values: Rows) -> Rows:
    """Return for each value its place among knots, with the share of the way to the next."""
    return np.asarray(np.interp(values, knots, np.arange(float(len(knots)))))
