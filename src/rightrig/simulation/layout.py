"""The arrays that the kernels work on: rows of slots, replicas, kinds of engines, and the sums.

A slot is a request that has arrived and not ended; rows of requests are read once and forgotten, so
that memory is bounded by what is in the system. Counts and indices are 64-bit integers.
"""

from __future__ import annotations

from typing import Final

import numpy as np

SERVED, REJECTED, CANCELLED, TIMED_OUT = 0, 1, 2, 3
"""How a request ends."""
FREE, FUTURE, AT_ROUTER, WAITING, READING, DECODING, HELD, MOVING = 0, 1, 2, 3, 4, 5, 6, 7
"""Where a slot stands."""
IDLE, PLANNED, STEP, SEGMENT = 0, 1, 2, 3
"""What a replica does: nothing, about to plan, one step, a run of steps that only decode."""
OFF, STARTING, READY, DRAINING, FAILED = 0, 1, 2, 3, 4
"""Whether a replica takes requests."""
CHUNKED, PREFILL_FIRST, STATIC = 0, 1, 2
"""Orders of steps."""
NO_BLOCKS, PROMPT, WHOLE = 0, 1, 2
"""What is reserved at admission."""
ROUND_ROBIN, LEAST_LOADED, LEAST_KV, PREFIX, POWER_OF_TWO = 0, 1, 2, 3, 4
BOTH, PREFILL, DECODE = 0, 1, 2
"""What a replica does of a request."""

GAP_BINS: Final = 48 << 8
"""Bins of gaps between tokens, 256 an octave, up to 2²⁴ s: half a year."""
GAP_BATCHES: Final = 20
"""Spans of time whose gaps are counted apart, for the spread of percentiles."""
MOST_CLASSES: Final = 8
MOST_PHASES: Final = 256
"""Most steps that a block may last."""

ROW: Final = np.dtype([
    ("arrival_s", "f8"), ("input", "i8"), ("output", "i8"), ("klass", "i8"), ("tenant", "i8"),
    ("reasoning", "i8"), ("patience_s", "f8"), ("next", "i8"), ("think_s", "f8"),
    ("block_from", "i8"), ("block_to", "i8"),
])  # fmt: skip
"""A request as it is asked for."""

SLOT: Final = np.dtype([
    ("row", "i8"), ("arrival_s", "f8"), ("input", "i8"), ("output", "i8"), ("klass", "i8"),
    ("tenant", "i8"), ("reasoning", "i8"), ("next", "i8"), ("block_from", "i8"), ("block_to", "i8"),
    ("state", "i8"), ("replica", "i8"), ("status", "i8"), ("leaving", "i8"),
    ("scheduled_s", "f8"), ("first_s", "f8"), ("answer_s", "f8"), ("last_s", "f8"), ("fresh", "i8"),
    ("done", "i8"), ("to_read", "i8"), ("read", "i8"), ("chunk", "i8"), ("swapped", "i8"),
    ("joined", "i8"), ("growth_tokens", "f8"), ("steps", "i8"), ("milestone", "i8"),
    ("final", "i8"), ("blocks", "i8"), ("shared", "i8"), ("slack", "i8"), ("order", "i8"),
    ("cached", "i8"), ("cached_now", "i8"), ("rank", "i8"),
    ("preemptions", "i8"), ("retries", "i8"),
])  # fmt: skip
"""A request in the system."""

RECORD: Final = np.dtype([
    ("row", "i8"), ("arrival_s", "f8"), ("scheduled_s", "f8"), ("first_s", "f8"),
    ("answer_s", "f8"), ("finish_s", "f8"), ("input", "i4"), ("output", "i4"), ("cached", "i4"),
    ("preemptions", "i4"), ("retries", "i4"), ("replica", "i4"), ("klass", "i2"), ("tenant", "i2"),
    ("status", "i1"),
])  # fmt: skip
"""A request that has ended."""

REPLICA: Final = np.dtype([
    ("kind", "i8"), ("role", "i8"), ("life", "i8"), ("mode", "i8"),
    ("began_s", "f8"), ("first_step_s", "f8"), ("step_growth_s", "f8"), ("steps", "i8"),
    ("decoded", "i8"), ("step", "i8"), ("seqs", "i8"), ("active", "i8"), ("reading_count", "i8"),
    ("waiting_count", "i8"), ("outstanding", "i8"), ("context_tokens", "f8"),
    ("growth_tokens", "f8"), ("last_s", "f8"), ("fresh_count", "i8"), ("fresh_first", "i8"),
    ("leaving_first", "i8"), ("held_first", "i8"), ("extra_s", "f8"), ("order", "i8"),
    ("used", "i8"), ("idle_cached", "i8"), ("lru_first", "i8"), ("lru_last", "i8"),
    ("tier_count", "i8"), ("tier_first", "i8"), ("tier_last", "i8"), ("link_free_s", "f8"),
    ("surplus_s", "f8"), ("warm", "i8"), ("busy_s", "f8"), ("on_s", "f8"),
    ("seq_s", "f8"), ("used_s", "f8"), ("steps_count", "i8"), ("prompt_tokens", "i8"),
    ("decode_tokens", "f8"), ("served", "i8"), ("reads_tokens", "i8"), ("prompt_s", "f8"),
    ("prompt_token_s", "f8"), ("prompt_seq_s", "f8"), ("plain_seq_s", "f8"),
    ("running", "i8", (MOST_CLASSES, 2)), ("waiting", "i8", (MOST_CLASSES, 2)),
    ("reading", "i8", (1, 2)), ("phases", "i8", (MOST_PHASES,)),
])  # fmt: skip
"""One engine. ``seqs`` cost time in a step; ``active`` of them still want tokens.

``reads_tokens`` are prompt tokens of the step under way. Of steps with such tokens there are the
time, tokens × time and decoding sequences × time; of the others sequences × time.
"""

KIND: Final = np.dtype([
    ("order", "i8"), ("reserve", "i8"), ("swaps", "i8"), ("max_seqs", "i8"), ("budget", "i8"),
    ("seq_rows", "i8"), ("blocks", "i8"), ("block", "i8"), ("block_steps", "i8"),
    ("watermark", "i8"), ("slot_tokens", "i8"), ("swap_s_per_token", "f8"), ("max_queue", "i8"),
    ("accepted_count", "f8"), ("acceptance_ratio", "f8"), ("drafted", "i8"),
    ("unit", "i8"), ("tier_units", "i8"), ("tier_s_per_token", "f8"), ("caches", "i8"),
    ("lanes", "i8"), ("stages", "i8"), ("weight_ratio", "f8"),
    ("transfer_s", "f8"), ("transfer_s_per_token", "f8"),
    ("knots", "i8"), ("knots_count", "i8"), ("decode", "i8"), ("device", "i8"),
    ("prompts", "i8"), ("prompts_count", "i8"), ("prompt_of", "i8"), ("seqs_of", "i8"),
    ("groups", "i8"), ("rows", "i8"), ("prefill", "i8"),
    ("step_s", "f8"), ("eager_s", "f8"), ("sequence_s", "f8"), ("overlapped", "i8"),
])  # fmt: skip
"""A kind of engine: its limits, and where its times begin in ``tables``."""

FINISH: Final = np.dtype([("step", "i8"), ("order", "i8"), ("slot", "i8")])
"""The step after which a sequence has what it waits for."""

ENTRY: Final = np.dtype([
    ("identity", "i8"), ("replica", "i8"), ("users", "i8"), ("tier", "i8"), ("next", "i8"),
    ("before", "i8"),
])  # fmt: skip
"""A block of a prefix that a replica holds."""

TENANT: Final = np.dtype([("limit", "i8"), ("in_flight", "i8")])
FAILURE: Final = np.dtype([("time_s", "f8"), ("replica", "i8")])

ARRAYS: Final = (
    "rows", "slots", "replicas", "kinds", "tables", "finishing", "queue", "places", "links", "free",
    "records", "identities", "entries", "entries_free", "buckets", "gaps", "bins", "tenants",
    "failures",
)  # fmt: skip
"""The arrays of a world; its record has the address and the length of each."""

WORLD: Final = np.dtype([
    ("time_s", "f8"), ("row", "i8"), ("rows_count", "i8"), ("free_count", "i8"),
    ("entries_free_count", "i8"), ("records_count", "i8"), ("in_system", "i8"), ("arrived", "i8"),
    ("router_count", "i8"), ("turn", "i8"), ("random", "u8"), ("router", "i8"), ("request_s", "f8"),
    ("timeout_s", "f8"), ("splits", "i8"), ("preemptions", "i8"), ("segments", "i8"),
    ("bin_s", "f8"), ("scale_every_s", "f8"), ("target_count", "f8"), ("fewest", "i8"),
    ("most", "i8"), ("cold_s", "f8"), ("warm_s", "f8"), ("warm_free", "i8"), ("cooldown_s", "f8"),
    ("failure", "i8"), ("repair_s", "f8"), ("retries", "i8"),
    ("final", "i8"), ("offset", "i8"), ("entries_most", "i8"), ("heap_size", "i8"),
    ("at_router", "i8", (MOST_CLASSES, 2)), ("detached", "i8", (1, 2)),
    *((f"{name}_{what}", "i8") for name in ARRAYS for what in ("at", "size")),
])  # fmt: skip
"""What there is one of, and where the rest is. ``free_count`` counts what a stack holds."""

GROW, DONE, MORE = 1, 0, 2
"""Why the loop stops: slots run out, all requests have ended, the rows of the chunk are read."""
