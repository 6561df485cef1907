"""The event queue alone, against a list that is sorted anew each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.simulation.loop import drop, grown_queue, new_queue, schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

HANDLES = 12
# Few times, so that many are equal.
schedules = st.tuples(
    st.just("schedule"), st.integers(0, HANDLES - 1), st.integers(0, 4), st.integers(0, 3)
)
drops = st.tuples(st.just("drop"), st.integers(0, HANDLES - 1), st.just(0), st.just(0))
pops = st.tuples(st.just("pop"), st.just(0), st.just(0), st.just(0))


def pop(queue: Any, places: NDArray[np.int64]) -> int:
    handle = int(queue[1]["handle"])
    drop(queue, places, handle)
    return handle


def check(queue: Any, places: NDArray[np.int64], model: dict[int, tuple[int, int, int]]) -> None:
    """Assert that both hold the same events, and that each handle knows its place."""
    assert int(queue[0]["handle"]) == len(model)
    for handle, place in enumerate(places[:HANDLES]):
        assert (place > 0) == (handle in model)
        if place:
            assert queue[place]["handle"] == handle
            assert queue[place]["time_s"] == model[handle][0]


@given(st.lists(st.one_of(schedules, schedules, drops, pops), max_size=60))
@settings(max_examples=300, deadline=None)
def test_events_come_in_the_order_of_time_priority_and_counter(
    words: list[tuple[str, int, int, int]],
) -> None:
    queue, places = new_queue(HANDLES)
    model: dict[int, tuple[int, int, int]] = {}
    for counter, (word, handle, time, priority) in enumerate(words):
        if word == "schedule":
            schedule(queue, places, handle, float(time), priority)
            model[handle] = (time, priority, counter)
        elif word == "drop":
            drop(queue, places, handle)
            model.pop(handle, None)
        elif model:
            first = min(model, key=model.__getitem__)
            assert pop(queue, places) == first
            del model[first]
        check(queue, places, model)
    while model:
        first = min(model, key=model.__getitem__)
        assert pop(queue, places) == first
        del model[first]


def test_a_queue_grows_with_its_events() -> None:
    queue, places = new_queue(3)
    for handle, time_s in enumerate((2.0, 1.0, 3.0)):
        schedule(queue, places, handle, time_s, 0)
    queue, places = grown_queue(queue, places, 5)
    schedule(queue, places, 4, 1.5, 0)
    assert [pop(queue, places) for _ in range(4)] == [1, 4, 0, 2]


def test_many_events_come_in_order() -> None:
    count = 20_000
    queue, places = new_queue(count)
    times = np.random.default_rng(1).random(count)
    for handle, time_s in enumerate(times):
        schedule(queue, places, handle, time_s, 0)
    found = [pop(queue, places) for _ in range(count)]
    np.testing.assert_array_equal(found, np.argsort(times, kind="stable"))
