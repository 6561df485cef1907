"""Draws of sessions: too few of them do not offer the rate that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from rightrig.demand.presets import preset
from rightrig.demand.requests import Requests
from rightrig.demand.scenario import sample
from rightrig.demand.short_draw import offered_requests_per_s, short_draw_text


def two_sessions(pause_s: float) -> Requests:
    """Return a session of one turn at 0 s and one of two turns at 10 s."""
    return Requests(
        arrival_s=np.array([0.0, 10.0, np.inf]),
        input_tokens=np.full(3, 100),
        output_tokens=np.full(3, 10),
        next_index=np.array([-1, 2, -1]),
        think_s=np.array([0.0, 0.0, pause_s]),
    )


def test_a_session_that_goes_on_stretches_the_time_of_the_requests() -> None:
    assert offered_requests_per_s(two_sessions(90.0)) == pytest.approx(3 / 100)
    assert offered_requests_per_s(two_sessions(0.0)) == pytest.approx(3 / 10)


def test_a_draw_that_sessions_outlast_says_how_many_requests_would_do() -> None:
    text = short_draw_text(two_sessions(90.0), 0.3, "--requests")
    assert "2 sessions are too few for 0.3 requests/s" in text
    assert "at most 0.03 requests/s are offered" in text
    # Two sessions take 20 s to come and go on for 80 s: nine times that, at 0.3 requests/s.
    assert text.endswith("ask for --requests 220 or more")


def test_a_draw_that_offers_nine_tenths_of_the_rate_is_enough() -> None:
    assert short_draw_text(two_sessions(0.0), 0.33, "--requests") == ""
    assert short_draw_text(two_sessions(0.0), 0.34, "--requests")


def test_requests_that_nothing_follows_come_as_they_are_drawn() -> None:
    drawn = sample(preset("chat").scenario.at_rate(1.0), 50, 1)
    assert short_draw_text(drawn, 100.0, "--requests") == ""
