"""Engines that are queues with known waits: within 3 % of theory on a million requests.

An engine of one place whose prompts take their tokens' time, and answers of one token, is one
server. An engine of c places whose steps are short and take the same time whatever is in them is
c servers: an answer of a geometric number of tokens is an exponential service. An engine whose
steps take the time of their sequences shares one processor among them.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from replaying import replayed

from rightrig.demand.objective import SloClass
from rightrig.demand.requests import Requests
from rightrig.prediction.step_table import Coefficients, affine_table
from rightrig.simulation.cluster import Cluster, Engines, Traits
from rightrig.simulation.layout import REJECTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOKENS = 1000
"""Tokens of a mean service; a token takes a millisecond, so that the mean service is a second."""
TOKEN_S = 1e-3
LONGEST = 40 * TOKENS
WITHIN = 0.03


def random() -> np.random.Generator:
    return np.random.default_rng(2)


def poisson_s(load: float, services: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return arrivals of a Poisson process, scaled so that the load of this sample is exact."""
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1.0, len(services)))
    busy_s = float(services.sum()) * TOKEN_S
    return np.asarray(arrivals * (busy_s / load / arrivals[-1]))


def servers(count: int, cost: Coefficients, **traits: Any) -> Cluster:
    """Return one engine with some places and no limit of memory."""
    own = Traits("chunked", count, LONGEST, reserve="none", **traits)
    return Cluster((Engines(own, affine_table(cost, count, LONGEST, 2 * LONGEST)),))


def one_server(**traits: Any) -> Cluster:
    return servers(1, Coefficients(0.0, per_prefill_token_s=TOKEN_S), **traits)


def read(load: float, services: NDArray[np.int64], **columns: Any) -> Requests:
    """Return requests that are served while their prompts are read."""
    return Requests(poisson_s(load, services), services, np.ones_like(services), **columns)


def written(load: float, services: NDArray[np.int64]) -> Requests:
    """Return requests that are served while their answers are written."""
    return Requests(poisson_s(load, services), np.ones_like(services), services)


def exponential(count: int) -> NDArray[np.int64]:
    return random().geometric(1.0 / TOKENS, count)


def erlang_c(servers_count: int, load: float) -> float:
    """Return the probability that a request has to wait (Erlang 1917)."""
    terms = [load**k / math.factorial(k) for k in range(servers_count)]
    last = load**servers_count / math.factorial(servers_count)
    last *= servers_count / (servers_count - load)
    return last / (sum(terms) + last)


def waits_s(cluster: Cluster, requests: Requests) -> NDArray[np.float64]:
    return replayed(cluster, requests).wait_s


def test_erlang_c_of_ten_servers_and_eight_erlangs() -> None:
    assert erlang_c(10, 8.0) == pytest.approx(0.40918, abs=5e-6)
    assert erlang_c(1, 0.7) == pytest.approx(0.7)


@pytest.mark.parametrize(("load", "count"), [(0.3, 200_000), (0.7, 1_000_000)])
def test_one_server_with_exponential_services(load: float, count: int) -> None:
    """M/M/1: W = ρ/(1 − ρ), and P(W > t) = ρ·exp(−(1 − ρ)·t), in mean services."""
    wait_s = waits_s(one_server(), read(load, exponential(count)))
    assert wait_s.mean() == pytest.approx(load / (1.0 - load), rel=WITHIN)
    for percentile in (90, 99):
        late = math.log(load / (1.0 - percentile / 100.0)) / (1.0 - load)
        assert np.percentile(wait_s, percentile) == pytest.approx(late, rel=WITHIN)


@pytest.mark.parametrize(("load", "count"), [(0.3, 200_000), (0.7, 1_000_000)])
def test_one_server_with_constant_services(load: float, count: int) -> None:
    """M/D/1: half the wait of M/M/1."""
    wait_s = waits_s(one_server(), read(load, np.full(count, TOKENS)))
    assert wait_s.mean() == pytest.approx(0.5 * load / (1.0 - load), rel=WITHIN)


def test_one_server_with_few_long_services() -> None:
    """M/G/1 (Pollaczek and Khinchine): W = λ·E[S²]/(2·(1 − ρ))."""
    services = random().choice([TOKENS // 2, 11 * TOKENS // 2], 1_000_000, p=[0.9, 0.1])
    load, square = 0.6, 0.9 * 0.5**2 + 0.1 * 5.5**2
    wait_s = waits_s(one_server(), read(load, services))
    assert wait_s.mean() == pytest.approx(load * square / (2.0 * (1.0 - load)), rel=WITHIN)


@pytest.mark.parametrize(
    ("count", "load", "requests"), [(10, 8.0, 2_500_000), (4, 2.4, 600_000), (1, 0.7, 600_000)]
)
def test_several_servers_with_one_queue(count: int, load: float, requests: int) -> None:
    """M/M/c: a request waits with probability C(c, a), then 1/(c − a) mean services."""
    cluster = servers(count, Coefficients(fixed_s=TOKEN_S))
    wait_s = waits_s(cluster, written(load, exponential(requests)))
    chance = erlang_c(count, load)
    # Who finds a place waits for the end of the step under way: half a step, on average.
    assert (wait_s > TOKEN_S).mean() == pytest.approx(chance, rel=WITHIN)
    assert wait_s.mean() == pytest.approx(chance / (count - load) + 0.5 * TOKEN_S, rel=WITHIN)


def test_every_wait_is_that_of_the_earliest_free_server() -> None:
    """Kiefer and Wolfowitz 1955, request by request: steps make a wait longer by few of them."""
    count, load = 4, 3.2
    requests = written(load, exponential(20_000))
    free = [0.0] * count
    for record in replayed(servers(count, Coefficients(fixed_s=TOKEN_S)), requests).records:
        begins = max(heapq.heappop(free), record["arrival_s"])
        assert 0.0 <= record["scheduled_s"] - begins + 1e-9 <= 40 * TOKEN_S
        heapq.heappush(free, record["finish_s"])


def test_two_classes_before_one_server() -> None:
    """Cobham 1954, no preemption: W₁ = R/(1 − ρ₁), W₂ = W₁/(1 − ρ), R = λ·E[S²]/2."""
    classes = tuple(SloClass(name=str(k), priority=k) for k in range(2))
    count = 1_000_000
    first = random().random(count) < 0.5
    requests = read(
        0.8,
        np.random.default_rng(4).geometric(1.0 / TOKENS, count),
        class_index=np.where(first, 0, 1),
        classes=classes,
    )
    wait_s = waits_s(one_server(), requests)
    assert wait_s[first].mean() == pytest.approx(0.8 / (1.0 - 0.4), rel=WITHIN)
    assert wait_s[~first].mean() == pytest.approx(0.8 / (1.0 - 0.4) / (1.0 - 0.8), rel=WITHIN)


@pytest.mark.parametrize("waiting", [1, 4])
def test_a_server_that_turns_requests_away(waiting: int) -> None:
    """M/M/1/K with K = 1 + places to wait: it loses (1 − ρ)·ρ^K/(1 − ρ^(K+1))."""
    load, places = 0.8, 1 + waiting
    cluster = one_server(max_queue_count=waiting)
    found = replayed(cluster, read(load, exponential(400_000))).records
    lost = (1.0 - load) * load**places / (1.0 - load ** (places + 1))
    assert (found["status"] == REJECTED).mean() == pytest.approx(lost, rel=WITHIN)


@pytest.mark.parametrize("spread", ["constant", "exponential", "few long"])
def test_a_shared_processor_is_insensitive_to_the_spread(spread: str) -> None:
    """M/G/1 with processor sharing (Kleinrock 1967): E[T] = E[S]/(1 − ρ) for every law."""
    count, load = 200_000, 0.6
    services = {
        "constant": np.full(count, TOKENS),
        "exponential": exponential(count),
        "few long": random().choice([TOKENS // 2, 11 * TOKENS // 2], count, p=[0.9, 0.1]),
    }[spread]
    cost = Coefficients(0.0, per_seq_s=TOKEN_S, per_prefill_token_s=TOKEN_S)
    found = replayed(servers(256, cost), written(load, services))
    assert found.e2e_s.mean() == pytest.approx(1.0 / (1.0 - load), rel=WITHIN)
    busy_s = found.whole.replicas["busy_s"].sum()
    assert busy_s / found.whole.end_s == pytest.approx(load, rel=WITHIN)
