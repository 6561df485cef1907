"""The same scenario for the kernel and for the slow reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from reference_simulator import reference

from rightrig.demand.objective import SloClass
from rightrig.demand.requests import Requests
from rightrig.prediction.step_table import Coefficients, affine_table
from rightrig.simulation.cluster import Cluster, Engines, Failures, PrefixCache, Traits
from rightrig.simulation.replay import Whole, replay

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from random_scenarios import AffineCost, Scenario
    from reference_simulator import EngineSpec, Report, Req

_ORDERS: Final = {"chunked": "chunked", "prefill_first": "prefill-first", "static": "static"}
_ROUTERS: Final = {
    "round_robin": "round-robin", "least_loaded": "least-loaded", "least_kv": "least-kv",
}  # fmt: skip
STATUS: Final = ("served", "rejected", "cancelled", "timed_out")


def requests_of(asked: list[Req], prefix_block: int) -> tuple[Requests, list[int]]:
    """Return requests as columns, open ones first and sorted; and which row each one is."""
    order = sorted(asked, key=lambda req: (req.follows is not None, req.arrival, req.index))
    row = {req.index: place for place, req in enumerate(order)}
    after = {req.follows: row[req.index] for req in asked if req.follows is not None}
    lengths = [len(req.blocks) for req in order]
    identities = [block & 0x7FFFFFFFFFFF for req in order for block in req.blocks]
    tenants = max((req.tenant for req in order), default=-1) + 1
    classes = max(req.klass for req in order) + 1
    return Requests(
        arrival_s=np.array([math.inf if q.follows is not None else q.arrival for q in order]),
        input_tokens=np.array([req.input for req in order]),
        output_tokens=np.array([req.output for req in order]),
        class_index=np.array([req.klass for req in order]),
        tenant_index=np.array([req.tenant for req in order] if tenants else [], np.int64),
        reasoning_tokens=np.array([min(req.reasoning, req.output - 1) for req in order]),
        patience_s=np.array([req.patience for req in order]),
        next_index=np.array([after.get(req.index, -1) for req in order]),
        think_s=np.array([req.think for req in order]),
        block_offsets=np.cumsum([0, *lengths]) if prefix_block else np.array([], np.int64),
        block_ids=np.array(identities if prefix_block else [], np.int64),
        block_tokens=prefix_block,
        classes=tuple(SloClass(name=str(k), priority=k, share_ratio=1.0) for k in range(classes)),
        tenants=tuple(str(tenant) for tenant in range(tenants)),
    ), [row[req.index] for req in asked]


def engines_of(spec: EngineSpec, cost: AffineCost, prefix_block: int, longest: int) -> Engines:
    """Return an engine of the kernel."""
    traits = Traits(
        order=_ORDERS[spec.order],  # type: ignore[arg-type]
        max_seqs=spec.max_seqs,
        max_batched_tokens=spec.budget,
        reserve=spec.reserve,
        blocks_count=spec.blocks,
        block_tokens=spec.block,
        watermark_blocks=spec.watermark,
        slot_tokens=spec.slot_tokens,
        preemption=spec.preempt,
        swap_s_per_token=spec.swap_s_per_token,
        max_queue_count=None if spec.max_queue < 0 else spec.max_queue,
        seq_rows_count=spec.rows_per_seq,
        prefix_cache=PrefixCache(prefix_block) if prefix_block else None,
    )
    own = Coefficients(
        cost.fixed_s, cost.per_seq_s, cost.per_context_token_s, cost.per_prefill_token_s,
        cost.per_prefill_pair_s,
    )  # fmt: skip
    return Engines(traits, affine_table(own, spec.max_seqs, spec.budget, longest))


def simulated(scenario: Scenario) -> tuple[Any, Whole]:
    """Return the kernel's records in the order of the scenario's requests, and its sums."""
    system = scenario.system
    requests, rows = requests_of(scenario.requests, system.prefix_block)
    longest = max(req.input + req.output for req in scenario.requests) + 1
    cluster = Cluster(
        engines=tuple(
            engines_of(spec, cost, system.prefix_block, longest)  # type: ignore[arg-type]
            for spec, cost in zip(system.engines, system.costs, strict=True)
        ),
        router=_ROUTERS[system.router],  # type: ignore[arg-type]
        request_s=system.engines[0].request_s,
        timeout_s=system.engines[0].timeout_s,
        failures=Failures(tuple(sorted(system.failures)), system.repair_s)
        if system.failures
        else None,
        tenant_limits={str(tenant): limit for tenant, limit in system.tenant_limits.items()},
    )
    found: list[Any] = []
    whole = replay(cluster, requests, 1, lambda records: found.append(records.copy()))
    records = np.concatenate(found)
    by_row = records[np.argsort(records["row"])]
    assert (by_row["row"] == np.arange(len(requests))).all()
    return by_row[rows], whole


TIMES: Final = {
    "arrival": "arrival_s", "scheduled": "scheduled_s", "first": "first_s", "answer": "answer_s",
    "finish": "finish_s",
}  # fmt: skip


def column(report: Report, name: str) -> NDArray[np.float64]:
    """Return a figure of every request of the reference."""
    return np.array([getattr(result, name) for result in report.results], float)


def check_agreement(scenario: Scenario) -> Report:
    """Assert that kernel and reference say the same of every request; return the reference's."""
    report = reference(scenario.requests, scenario.system)
    records, whole = simulated(scenario)
    statuses = [STATUS[status] for status in records["status"]]
    assert statuses == [result.status for result in report.results]
    for name, own in TIMES.items():
        np.testing.assert_allclose(
            records[own], column(report, name), rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=name
        )
    for name in ("preemptions", "cached", "retries"):
        np.testing.assert_array_equal(records[name], column(report, name), err_msg=name)
    assert whole.preemptions_count == report.preemptions
    assert whole.gaps.sum() == len(report.gaps)
    np.testing.assert_allclose(whole.replicas["busy_s"], report.busy_s, rtol=1e-9, atol=1e-9)
    assert not whole.replicas["used"].any()
    return report
