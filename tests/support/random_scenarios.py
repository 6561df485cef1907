"""Small scenarios from a seed, varied over all that the slow simulator can do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from reference_simulator import Cost, EngineSpec, Order, Preempt, Req, Reserve, Router, System

ORDERS: Final[tuple[Order, ...]] = ("chunked", "chunked", "prefill_first", "static")
RESERVES: Final[tuple[Reserve, ...]] = ("prompt",) * 4 + ("whole", "none")
PREEMPTS: Final[tuple[Preempt, ...]] = ("recompute", "swap")
ROUTERS: Final[tuple[Router, ...]] = ("round_robin", "least_loaded", "least_kv")
TICK_S: Final = 1 / 64


@dataclass(frozen=True)
class AffineCost:
    """A step's time, affine in its sequences, stored tokens, prompt tokens and attended pairs."""

    fixed_s: float
    per_seq_s: float = 0.0
    per_context_token_s: float = 0.0
    per_prefill_token_s: float = 0.0
    per_prefill_pair_s: float = 0.0

    def decode_s(self, seqs: int, context: float) -> float:
        return self.fixed_s + seqs * (self.per_seq_s + self.per_context_token_s * context)

    def mixed_s(self, seqs: int, context: float, prompt_tokens: int, attended: float) -> float:
        prompt_s = self.per_prefill_token_s + self.per_prefill_pair_s * attended
        return self.decode_s(seqs, context) + prompt_tokens * prompt_s


@dataclass(frozen=True)
class Scenario:
    seed: int
    requests: list[Req]
    system: System


@dataclass(frozen=True)
class Shape:
    """What a scenario is about, drawn before its requests and engines."""

    replicas: int
    order: Order
    reserve: Reserve
    preempt: Preempt
    prefix_block: int
    block: int
    classes: int
    tenants: int
    heavy: bool
    chains: bool
    patient: bool


def random_scenario(seed: int) -> Scenario:
    """Return the scenario of a seed: the same one each time."""
    random = Random(seed)  # noqa: S311 - a sample
    shape = random_shape(random)
    requests = random_requests(random, shape)
    engine = random_engine(random, shape, max(req.input + req.output for req in requests))
    cost = random_cost(random)
    engines, costs = [engine], [cost]
    for _ in range(1, shape.replicas):
        engines.append(vary_engine(random, engine))
        costs.append(replace(cost, fixed_s=cost.fixed_s * random.uniform(0.8, 1.3)))
    system = random_system(random, shape, engines, costs)
    return Scenario(seed, spread_arrivals(random, requests, system), system)


def on_ticks(scenario: Scenario) -> Scenario:
    """Return the scenario with all times whole ticks, exact in floats, so that many coincide."""
    system = scenario.system
    engines = [
        replace(
            engine,
            swap_s_per_token=TICK_S / 16,
            request_s=tick(engine.request_s),
            timeout_s=tick(engine.timeout_s),
        )
        for engine in system.engines
    ]
    requests = [
        replace(req, arrival=tick(req.arrival), patience=tick(req.patience), think=tick(req.think))
        for req in scenario.requests
    ]
    costs = [AffineCost(fixed_s=TICK_S, per_prefill_token_s=TICK_S / 16) for _ in engines]
    failures = [(tick(time), replica) for time, replica in system.failures]
    repair_s = tick(system.repair_s)
    system = replace(system, engines=engines, costs=costs, failures=failures, repair_s=repair_s)
    return Scenario(scenario.seed, requests, system)


def tick(time: float) -> float:
    return time if math.isinf(time) else math.ceil(time / TICK_S) * TICK_S


def random_shape(random: Random) -> Shape:
    order = random.choice(ORDERS)
    reserve = random.choice(RESERVES[-2:] if order == "static" else RESERVES)
    block = random.choice((1, 4, 8, 16))
    prefix = reserve != "none" and random.random() < 0.4
    return Shape(
        replicas=random.choice((1, 1, 2, 3)),
        order=order,
        reserve=reserve,
        # The contract does not say what a request that shares blocks swaps out.
        preempt="recompute" if prefix else random.choice(PREEMPTS),
        prefix_block=block * random.choice((1, 2)) if prefix else 0,
        block=block,
        classes=random.choice((1, 1, 3)),
        tenants=random.choice((0, 0, 4)),
        heavy=random.random() < 0.5,
        chains=random.random() < 0.5,
        patient=random.random() < 0.6,
    )


# Requests.


def random_requests(random: Random, shape: Shape) -> list[Req]:
    """Return requests without arrivals: alone, or as turns of sessions that follow each other."""
    count = random.randint(100, 400)
    requests: list[Req] = []
    while len(requests) < count:
        turns = random.randint(2, 3 if shape.heavy else 6) if shape.chains else 1
        requests.extend(random_session(random, shape, len(requests), turns))
    return requests


def random_session(random: Random, shape: Shape, start: int, turns: int) -> list[Req]:
    """Return turns, each with the prompts and answers of those before it as its own prompt."""
    klass = random.randrange(shape.classes)
    tenant = random.randrange(shape.tenants) if shape.tenants else -1
    patience = math.inf if shape.patient else 0.02 + random.expovariate(0.2)
    system_prompt = random.randrange(3)
    history = 0
    requests: list[Req] = []
    for index in range(start, start + turns):
        prompt = history + random_tokens(random, 8 if shape.heavy else 25)
        output = random_tokens(random, 50 if shape.heavy else 25)
        output = 1 if random.random() < 0.15 else output
        req = Req(
            index=index,
            arrival=0.0,
            input=prompt,
            output=output,
            klass=klass,
            tenant=tenant,
            patience=patience if random.random() < 0.5 else math.inf,
            follows=index - 1 if index > start else None,
            think=random.choice((0.0, random.expovariate(2.0))),
            blocks=identities(shape, start, system_prompt, prompt + output),
            reasoning=random.choice((0, 0, output // 2)),
        )
        requests.append(req)
        history = prompt + output
    return requests


def random_tokens(random: Random, mean: int) -> int:
    return min(1 + int(random.expovariate(1 / mean)), 5 * mean)


def identities(shape: Shape, session: int, system_prompt: int, tokens: int) -> tuple[int, ...]:
    """Return the first blocks of a system prompt, then those of the session alone."""
    if not shape.prefix_block:
        return ()
    shared = 24 // shape.prefix_block
    return tuple(
        -1 - (system_prompt * 100 + place) if place < shared else session * 10_000 + place
        for place in range(tokens // shape.prefix_block)
    )


def spread_arrivals(random: Random, requests: list[Req], system: System) -> list[Req]:
    """Return the requests with arrivals at a load around what the replicas can do."""
    spec, cost = system.engines[0], system.costs[0]
    seqs = min(spec.max_seqs, 8) * len(system.engines)
    service_s = sum(req.output for req in requests) * cost.decode_s(1, 50.0) / seqs
    gap_s = service_s / len(requests) / random.choice((0.4, 0.8, 1.5))
    burst = random.choice((1, 1, 5, len(requests)))
    arrival, arrived, spread = 0.0, 0, []
    for req in requests:
        if req.follows is None:
            arrived += 1
            if arrived % burst == 0:
                arrival += random.expovariate(1 / (gap_s * burst))
        spread.append(replace(req, arrival=arrival if req.follows is None else 0.0))
    return spread


# Engines.


def random_engine(random: Random, shape: Shape, longest: int) -> EngineSpec:
    # A heavy load runs out of blocks all the time, and some requests may never fit.
    pool_share = random.choice((0.8, 1.0, 1.5) if shape.heavy else (2.0, 8.0))
    blocks = max(2, math.ceil(longest / shape.block * pool_share))
    slots = shape.reserve == "none"
    return EngineSpec(
        order=shape.order,
        max_seqs=random.choice((16, 64) if shape.heavy else (1, 4, 16, 64)),
        budget=random.choice((16, 64, 256)),
        blocks=0 if slots else blocks,
        block=shape.block,
        watermark=random.choice((0, 0, 1, max(1, blocks // 50))),
        reserve=shape.reserve,
        slot_tokens=random.choice((0, longest // 2)) if slots else 0,
        preempt=shape.preempt,
        swap_s_per_token=1e-4,
        request_s=random.choice((0.0, 0.0, 0.013)),
        max_queue=random.choice((-1, -1, -1, 10)),
        rows_per_seq=random.choice((1, 1, 3)),
        timeout_s=random.choice((math.inf, math.inf, math.inf, 8.0)),
    )


def vary_engine(random: Random, engine: EngineSpec) -> EngineSpec:
    if random.random() < 0.5:
        return engine
    return replace(
        engine,
        max_seqs=max(1, engine.max_seqs // 2),
        blocks=engine.blocks + engine.blocks // 3,
    )


def random_cost(random: Random) -> AffineCost:
    return AffineCost(
        fixed_s=random.uniform(5e-3, 3e-2),
        per_seq_s=random.uniform(0.0, 1e-3),
        per_context_token_s=random.uniform(0.0, 1e-5),
        per_prefill_token_s=random.uniform(1e-5, 5e-4),
        per_prefill_pair_s=random.uniform(0.0, 1e-6),
    )


def random_system(
    random: Random, shape: Shape, engines: list[EngineSpec], costs: list[AffineCost]
) -> System:
    routers = ROUTERS[:2] if shape.reserve == "none" else ROUTERS
    failing = random.random() < 0.3
    failures = [
        (random.uniform(0.1, 10.0), random.randrange(shape.replicas)) for _ in range(3 * failing)
    ]
    same: list[Cost] = list(costs)
    return System(
        engines=engines,
        costs=same,
        router=random.choice(routers),
        tenant_limits={0: 3, 1: 10} if shape.tenants else {},
        prefix_block=shape.prefix_block,
        failures=failures,
        repair_s=random.uniform(0.1, 3.0),
    )
