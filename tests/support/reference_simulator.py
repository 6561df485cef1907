"""The slow simulator against which the fast kernel is tested: every step, every token, plain lists.

Written from docs/methodology/simulation.md alone, without a look at the kernel. It leaves out
speculation, the CPU tier, disaggregation, autoscaling and the routers that need chance or a prefix.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Status = Literal["unended", "served", "rejected", "cancelled", "timed_out"]
Order = Literal["chunked", "prefill_first", "static"]
Reserve = Literal["prompt", "whole", "none"]
Preempt = Literal["recompute", "swap"]
Router = Literal["round_robin", "least_loaded", "least_kv"]

ARRIVAL, WAITED_FOR, STEP_END = 0, 1, 2
"""Priorities of events at the same time."""


class Cost(Protocol):
    def decode_s(self, seqs: int, context: float) -> float:
        """Return the time of a step that only decodes."""

    def mixed_s(self, seqs: int, context: float, prompt_tokens: int, attended: float) -> float:
        """Return the time of a step with prompt tokens and maybe decoding sequences."""


@dataclass(frozen=True)
class EngineSpec:
    order: Order
    max_seqs: int
    budget: int
    blocks: int
    block: int
    watermark: int = 0
    reserve: Reserve = "prompt"
    slot_tokens: int = 0
    preempt: Preempt = "recompute"
    swap_s_per_token: float = 0.0
    request_s: float = 0.0
    max_queue: int = -1
    rows_per_seq: int = 1
    timeout_s: float = math.inf

    def __post_init__(self) -> None:
        if self.order == "static" and self.reserve == "prompt":
            raise ValueError("a static batch reserves whole requests or slots: the contract")


@dataclass(frozen=True)
class Req:
    index: int
    arrival: float
    input: int
    output: int
    klass: int = 0
    tenant: int = -1
    patience: float = math.inf
    follows: int | None = None
    think: float = 0.0
    blocks: tuple[int, ...] = ()
    reasoning: int = 0


@dataclass
class Result:
    """What became of one request: nan where a time never came, `finish` however it ended."""

    status: Status = "unended"
    arrival: float = math.nan
    scheduled: float = math.nan
    first: float = math.nan
    answer: float = math.nan
    finish: float = math.nan
    preemptions: int = 0
    cached: int = 0
    retries: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class System:
    engines: Sequence[EngineSpec]
    costs: Sequence[Cost]
    router: Router = "round_robin"
    tenant_limits: Mapping[int, int] = field(default_factory=dict)
    prefix_block: int = 0
    failures: Sequence[tuple[float, int]] = ()
    repair_s: float = 0.0

    def __post_init__(self) -> None:
        if len({engine.timeout_s for engine in self.engines}) != 1:
            raise ValueError("the operator's limit is one for all replicas")
        for engine in self.engines:
            if engine.blocks == 0 and (self.prefix_block or self.router == "least_kv"):
                raise ValueError("an engine of slots has no blocks to share or compare")
            if self.prefix_block % engine.block:
                raise ValueError("a prefix block is a multiple of the engine's block")


@dataclass(frozen=True)
class Report:
    results: list[Result]
    gaps: list[float]
    busy_s: list[float]
    preemptions: int
    blocks_in_use_at_end: int
    steps: int


@dataclass(eq=False)
class Job:
    """A request in the system: what it holds, reads and has yielded since it last started."""

    req: Req
    result: Result
    rank: int
    replica: Replica | None = None
    running: bool = False
    attempt: int = 0
    at_front: bool = True
    admission: int = -1
    to_read: int = 0
    read: int = 0
    tokens: int = 0
    padding: int = 0
    private: int = 0
    shared: list[int] = field(default_factory=list)
    swapped: bool = False
    swapped_blocks: int = 0
    seen: int = 0
    seen_at: float = math.nan

    @property
    def ended(self) -> bool:
        return self.result.status != "unended"

    @property
    def decoding(self) -> bool:
        return 0 < self.to_read == self.read

    @property
    def stored(self) -> int:
        return self.req.input + self.tokens - 1 + self.padding if self.decoding else self.read

    @property
    def done(self) -> bool:
        return self.tokens == self.req.output


def seniority(job: Job) -> tuple[int, int]:
    """Return what orders running requests: the largest is the last."""
    return (job.req.klass, job.admission)


@dataclass
class Pool:
    """KV blocks of a replica: private ones, and known ones in use (counted once) or idle."""

    size: int
    per_known: int
    private: int = 0
    users: Counter[int] = field(default_factory=Counter)
    idle: OrderedDict[int, None] = field(default_factory=OrderedDict)

    @property
    def used(self) -> int:
        return self.private + len(self.users) * self.per_known

    @property
    def free(self) -> int:
        return self.size - self.used

    def known_prefix(self, identities: tuple[int, ...], most: int) -> list[int]:
        prefix: list[int] = []
        for identity in identities[:most]:
            if identity not in self.users and identity not in self.idle:
                break
            prefix.append(identity)
        return prefix

    def fits(self, private: int, prefix: list[int]) -> bool:
        woken = sum(identity in self.idle for identity in prefix)
        return private <= self.free - woken * self.per_known

    def share(self, identity: int) -> None:
        self.idle.pop(identity, None)
        self.users[identity] += 1

    def take(self, count: int) -> None:
        assert count <= self.free
        self.private += count
        while self.used + len(self.idle) * self.per_known > self.size:
            self.idle.popitem(last=False)

    def give_back(self, private: int, shared: list[int]) -> None:
        self.private -= private
        for identity in reversed(shared):
            self.users[identity] -= 1
            if self.users[identity] == 0:
                del self.users[identity]
                self.idle[identity] = None

    def check(self) -> None:
        assert self.private >= 0
        assert all(count > 0 for count in self.users.values())
        assert not self.users.keys() & self.idle.keys()
        assert self.used + len(self.idle) * self.per_known <= self.size


@dataclass
class Step:
    begin: float
    budget: int
    decoding: list[Job] = field(default_factory=list)
    chunks: dict[Job, int] = field(default_factory=dict)
    swapped_in: list[Job] = field(default_factory=list)
    preempted: list[Job] = field(default_factory=list)
    swap_s: float = 0.0

    @property
    def empty(self) -> bool:
        return not (self.decoding or self.chunks or self.swapped_in)

    def read_on(self, job: Job) -> None:
        chunk = min(job.to_read - job.read, self.budget)
        if chunk > 0:
            self.chunks[job] = chunk
            self.budget -= chunk

    def duration_s(self, cost: Cost) -> float:
        seqs = len(self.decoding)
        context = sum(job.stored for job in self.decoding) / seqs if seqs else 0.0
        prompt = sum(self.chunks.values())
        if prompt:
            pairs = sum(chunk * (job.read + chunk / 2) for job, chunk in self.chunks.items())
            return cost.mixed_s(seqs, context, prompt, pairs / prompt) + self.swap_s
        return (cost.decode_s(seqs, context) if seqs else 0.0) + self.swap_s


class Replica:
    """One engine: its queues, its running requests in order of admission, its blocks."""

    def __init__(self, spec: EngineSpec, cost: Cost, prefix_block: int) -> None:
        self.spec = spec
        self.cost = cost
        self.prefix_block = prefix_block
        self.ready = True
        self.busy_s = 0.0
        self.preemptions = 0
        self.admissions = 0
        self.lives = 0
        self.start_empty()

    def start_empty(self) -> None:
        self.pool = Pool(self.spec.blocks, self.prefix_block // self.spec.block)
        self.queues: dict[int, deque[Job]] = {}
        self.running: list[Job] = []
        self.step: Step | None = None

    # What the router sees.

    @property
    def waiting(self) -> list[Job]:
        return [job for klass in sorted(self.queues) for job in self.queues[klass]]

    @property
    def full(self) -> bool:
        return 0 <= self.spec.max_queue <= len(self.waiting)

    @property
    def requests(self) -> int:
        return len(self.waiting) + len(self.running)

    @property
    def share_of_blocks(self) -> float:
        prompts = sum(self.blocks_to_enter(job) for job in self.waiting)
        return (self.pool.used + prompts) / self.pool.size

    def could_ever_run(self, req: Req) -> bool:
        if self.spec.reserve == "none":
            return self.spec.slot_tokens == 0 or req.input + req.output <= self.spec.slot_tokens
        return self.blocks_of(req.input + req.output - 1) <= self.spec.blocks

    # Queue.

    def queue_of(self, job: Job) -> deque[Job]:
        return self.queues.setdefault(job.req.klass, deque())

    def enter(self, job: Job) -> None:
        self.queue_of(job).append(job)

    def drop_waiting(self, job: Job) -> None:
        self.queue_of(job).remove(job)

    def first_waiting(self) -> Job | None:
        return next((self.queues[k][0] for k in sorted(self.queues) if self.queues[k]), None)

    # Blocks.

    def blocks_of(self, tokens: int) -> int:
        return math.ceil(tokens / self.spec.block)

    def blocks_to_enter(self, job: Job) -> int:
        """Return the blocks of all that is to be read, or of all that was swapped out."""
        if job.swapped:
            return job.swapped_blocks
        return self.blocks_of(job.req.input + job.tokens)

    def blocks_at_admission(self, job: Job) -> int:
        if self.spec.reserve == "none":
            return 0
        if self.spec.reserve == "whole":
            return self.blocks_of(job.req.input + job.req.output - 1)
        return self.blocks_to_enter(job)

    def held(self, job: Job) -> int:
        return job.private + len(job.shared) * self.pool.per_known

    def make_known(self, job: Job, tokens: int) -> None:
        """Turn private full blocks into known ones; a copy of one known meanwhile is freed."""
        if not self.prefix_block:
            return
        for identity in job.req.blocks[len(job.shared) : tokens // self.prefix_block]:
            job.private -= self.pool.per_known
            self.pool.private -= self.pool.per_known
            self.pool.share(identity)
            job.shared.append(identity)

    def leave(self, job: Job) -> None:
        self.running.remove(job)
        job.running = False
        self.pool.give_back(job.private, job.shared)
        job.private, job.shared = 0, []

    # Planning of a step.

    def plan(self, now: float) -> Step | None:
        step = Step(begin=now, budget=self.spec.budget)
        if self.spec.order == "chunked":
            self.decode(step)
            self.read(step)
            self.admit(step)
        elif self.spec.order == "prefill_first":
            self.read(step)
            self.admit(step)
            if not step.chunks:
                self.decode(step)
        else:
            if not self.running:
                self.admit_batch(now)
            self.read(step)
            if not step.chunks:
                self.decode(step)
        self.check()
        return None if step.empty else step

    def decode(self, step: Step) -> None:
        """Apply rules 1 and 2; who is preempted gives its tokens of the budget back."""
        decoding = [job for job in self.running if job.decoding and job not in step.swapped_in]
        if self.spec.reserve == "prompt":
            while sum(map(self.needs_block, decoding)) > self.pool.free:
                victim = max(self.running, key=seniority)
                assert len(self.running) > 1, "what runs alone fits, or was rejected on arrival"
                self.preempt(victim, step)
                decoding = [job for job in decoding if job is not victim]
            for job in filter(self.needs_block, decoding):
                self.pool.take(1)
                job.private += 1
        step.decoding = decoding
        step.budget -= len(decoding) * self.spec.rows_per_seq

    def needs_block(self, job: Job) -> bool:
        return job.stored == self.held(job) * self.spec.block

    def preempt(self, victim: Job, step: Step) -> None:
        self.preemptions += 1
        victim.result.preemptions += 1
        step.preempted.append(victim)
        if self.spec.preempt == "swap":
            victim.swapped = True
            victim.swapped_blocks = self.held(victim)
            step.swap_s += victim.stored * self.spec.swap_s_per_token
            if victim in step.swapped_in:
                step.swapped_in.remove(victim)
        else:
            self.make_known(victim, victim.stored)
            victim.to_read = victim.read = 0
        self.leave(victim)
        self.queue_of(victim).appendleft(victim)

    def read(self, step: Step) -> None:
        for job in self.running:
            step.read_on(job)

    def admit(self, step: Step) -> None:
        while not step.preempted and len(self.running) < self.spec.max_seqs and step.budget > 0:
            job = self.first_waiting()
            if job is None or not self.take_in(job, step.begin):
                return
            if job.swapped:
                job.swapped = False
                step.swapped_in.append(job)
                step.swap_s += job.stored * self.spec.swap_s_per_token
            else:
                step.read_on(job)

    def admit_batch(self, now: float) -> None:
        while len(self.running) < self.spec.max_seqs:
            job = self.first_waiting()
            if job is None or not self.take_in(job, now):
                return

    def take_in(self, job: Job, now: float) -> bool:
        """Admit the first of the queue when its blocks are free; say whether it was."""
        to_read = job.req.input + job.tokens
        prefix: list[int] = []
        if self.prefix_block and not job.swapped:
            prefix = self.pool.known_prefix(job.req.blocks, (to_read - 1) // self.prefix_block)
        private = self.blocks_at_admission(job) - len(prefix) * self.pool.per_known
        spare = self.spec.watermark if self.running and self.spec.reserve != "none" else 0
        if not self.pool.fits(private + spare, prefix):
            return False
        for identity in prefix:
            self.pool.share(identity)
        self.pool.take(private)
        self.queue_of(job).popleft()
        job.private, job.shared = private, prefix
        if not job.swapped:
            job.to_read, job.read = to_read, len(prefix) * self.prefix_block
        self.note_admission(job, now)
        return True

    def note_admission(self, job: Job, now: float) -> None:
        job.running = True
        job.admission = self.admissions
        self.admissions += 1
        self.running.append(job)
        if math.isnan(job.result.scheduled):
            job.result.scheduled = now
            job.result.cached = job.read

    # The end of a step.

    def finished(self) -> list[Job]:
        """Return who leaves now with all tokens; a static batch leaves as one."""
        if self.spec.order == "static" and not all(job.done for job in self.running):
            return []
        return [job for job in self.running if job.done]

    def check(self) -> None:
        self.pool.check()
        assert len(self.running) <= self.spec.max_seqs
        assert self.pool.private == sum(job.private for job in self.running)
        assert self.pool.users.total() == sum(len(job.shared) for job in self.running)
        assert all(job.private >= 0 for job in self.running)
        if self.spec.reserve != "none":
            stored = (self.blocks_of(job.stored - job.padding) for job in self.running)
            assert all(need <= self.held(j) for need, j in zip(stored, self.running, strict=True))


class Simulator:
    def __init__(self, requests: Sequence[Req], system: System) -> None:
        self.requests = requests
        self.system = system
        self.replicas = [
            Replica(spec, cost, system.prefix_block)
            for spec, cost in zip(system.engines, system.costs, strict=True)
        ]
        self.events: list[tuple[float, int, int, Callable[[], None]]] = []
        self.scheduled = 0
        self.now = 0.0
        self.results = {req.index: Result() for req in requests}
        self.followers: dict[int, list[Req]] = {}
        self.arrived = 0
        self.in_flight: Counter[int] = Counter()
        self.at_router: list[Job] = []
        self.last_chosen = -1
        self.gaps: list[float] = []
        self.steps = 0

    def schedule(self, time: float, priority: int, action: Callable[[], None]) -> None:
        assert time >= self.now
        heapq.heappush(self.events, (time, priority, self.scheduled, action))
        self.scheduled += 1

    def run(self) -> Report:
        for req in self.requests:
            if req.follows is None:
                self.schedule(req.arrival, ARRIVAL, partial(self.arrive, req))
            else:
                self.followers.setdefault(req.follows, []).append(req)
        for time, index in self.system.failures:
            self.schedule(time, WAITED_FOR, partial(self.fail, self.replicas[index]))
        while self.events:
            self.now = self.events[0][0]
            while self.events and self.events[0][0] == self.now:
                heapq.heappop(self.events)[3]()
            for replica in self.replicas:
                self.start_step(replica)
        return self.report()

    def report(self) -> Report:
        results = [self.results[req.index] for req in self.requests]
        for req, result in zip(self.requests, results, strict=True):
            assert result.status != "unended"
            assert result.status != "served" or result.tokens == req.output
        assert not +self.in_flight
        assert not self.at_router
        assert all(replica.requests == 0 for replica in self.replicas)
        in_use = sum(replica.pool.used for replica in self.replicas)
        assert in_use == 0
        return Report(
            results=results,
            gaps=self.gaps,
            busy_s=[replica.busy_s for replica in self.replicas],
            preemptions=sum(replica.preemptions for replica in self.replicas),
            blocks_in_use_at_end=in_use,
            steps=self.steps,
        )

    # Requests come and end.

    def arrive(self, req: Req) -> None:
        result = self.results[req.index]
        result.arrival = self.now
        job = Job(req, result, rank=0)
        limits: list[tuple[float, Status]] = [
            (req.patience, "cancelled"),
            (self.system.engines[0].timeout_s, "timed_out"),
        ]
        for limit_s, status in limits:
            if limit_s < math.inf:
                self.schedule(self.now + limit_s, WAITED_FOR, partial(self.give_up, job, status))
        request_s = self.system.engines[0].request_s
        if request_s > 0:
            self.schedule(self.now + request_s, ARRIVAL, partial(self.come_to_router, job))
        else:
            self.come_to_router(job)

    def come_to_router(self, job: Job) -> None:
        if job.ended:
            return
        req = job.req
        job.at_front = False
        job.rank = self.arrived
        self.arrived += 1
        if self.in_flight[req.tenant] >= self.system.tenant_limits.get(req.tenant, math.inf):
            self.in_flight[req.tenant] += 1
            self.end(job, "rejected")
            return
        self.in_flight[req.tenant] += 1
        self.dispatch(job)

    def end(self, job: Job, status: Status) -> None:
        assert not job.ended
        job.result.status = status
        job.result.finish = self.now
        job.result.tokens = job.seen
        if not job.at_front:
            self.in_flight[job.req.tenant] -= 1
        for req in self.followers.get(job.req.index, []):
            self.schedule(self.now + req.think, ARRIVAL, partial(self.arrive, req))

    def give_up(self, job: Job, status: Status) -> None:
        """End a request early; one that runs keeps its place until its step ends."""
        if job.ended:
            return
        self.end(job, status)
        if job.at_front:
            return
        if job.replica is None:
            self.at_router.remove(job)
        elif not job.running:
            job.replica.drop_waiting(job)

    # The router.

    def dispatch(self, job: Job) -> None:
        if not any(replica.ready for replica in self.replicas):
            self.at_router.append(job)
            return
        replica = self.choose()
        if (replica.full and job.attempt == 0) or not replica.could_ever_run(job.req):
            self.end(job, "rejected")
            return
        job.replica = replica
        replica.enter(job)

    def choose(self) -> Replica:
        ready = [index for index, replica in enumerate(self.replicas) if replica.ready]
        if self.system.router == "round_robin":
            after = [index for index in ready if index > self.last_chosen]
            self.last_chosen = (after or ready)[0]
            return self.replicas[self.last_chosen]
        if self.system.router == "least_loaded":
            return min((self.replicas[index] for index in ready), key=lambda r: r.requests)
        return min((self.replicas[index] for index in ready), key=lambda r: r.share_of_blocks)

    # Steps.

    def start_step(self, replica: Replica) -> None:
        if not replica.ready or replica.step is not None:
            return
        replica.step = replica.plan(self.now)
        if replica.step is not None:
            end = self.now + replica.step.duration_s(replica.cost)
            self.schedule(end, STEP_END, partial(self.end_step, replica, replica.lives))

    def end_step(self, replica: Replica, life: int) -> None:
        step = replica.step
        if replica.lives != life or step is None:
            return
        self.steps += 1
        replica.busy_s += self.now - step.begin
        replica.step = None
        for job in [job for job in replica.running if job.ended]:
            replica.leave(job)
        for job in replica.running:
            self.advance(job, replica, step)
        for job in replica.finished():
            self.end(job, "served")
            replica.make_known(job, job.stored - job.padding)
            replica.leave(job)
        replica.check()

    def advance(self, job: Job, replica: Replica, step: Step) -> None:
        if job in step.chunks:
            job.read += step.chunks[job]
            if job.decoding:
                replica.make_known(job, job.req.input)
                self.add_token(job)
        elif job in step.decoding and job.done:
            job.padding += 1
        elif job in step.decoding:
            self.add_token(job)

    def add_token(self, job: Job) -> None:
        """Count a token; the first one after a failure ends the pause since the last one seen."""
        job.tokens += 1
        job.seen = max(job.seen, job.tokens)
        if math.isnan(job.result.first):
            job.result.first = self.now
        else:
            self.gaps.append(self.now - job.seen_at)
        if job.tokens == job.req.reasoning + 1 and math.isnan(job.result.answer):
            job.result.answer = self.now
        job.seen_at = self.now

    # Failures.

    def fail(self, replica: Replica) -> None:
        if not replica.ready:
            return
        if replica.step is not None:
            replica.busy_s += self.now - replica.step.begin
        lost = [job for job in replica.waiting + replica.running if not job.ended]
        replica.ready = False
        replica.lives += 1
        replica.start_empty()
        self.schedule(self.now + self.system.repair_s, WAITED_FOR, partial(self.repair, replica))
        for job in sorted(lost, key=lambda job: job.rank):
            self.restart(job)
            self.dispatch(job)

    def restart(self, job: Job) -> None:
        job.result.retries += 1
        job.attempt += 1
        job.replica = None
        job.running = job.swapped = False
        job.to_read = job.read = job.tokens = job.padding = job.private = 0
        job.shared = []

    def repair(self, replica: Replica) -> None:
        replica.ready = True
        waiting, self.at_router = self.at_router, []
        for job in sorted(waiting, key=lambda job: job.req.klass):
            self.dispatch(job)


def reference(requests: Sequence[Req], system: System) -> Report:
    """Simulate every step until every request has ended."""
    return Simulator(requests, system).run()
