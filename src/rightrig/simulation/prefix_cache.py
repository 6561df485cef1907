"""Prefixes that a replica has in its cache: identities of blocks, shared, kept, evicted.

An identity names all tokens up to the end of its block, so that a prefix is held when each of its
identities is. Identities are found by open addressing (linear probing, deletion by shifting back);
idle entries stand in a list from least to most recently used, those in host memory in another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import buckets, entries, entries_free, identities, kinds, replicas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.simulation._rows import Row

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)
_SHIFT = np.uint64(31)


@kernel
def _home(w: Row, identity: int, replica: int) -> int:
    """Return the first bucket of an identity at a replica (Steele et al. 2014, SplitMix64)."""
    mixed = (np.uint64(identity) + np.uint64(replica) * _GOLDEN) * _MIX
    mixed = (mixed ^ (mixed >> _SHIFT)) * _GOLDEN
    mask = np.uint64(w.buckets_size - 1)
    return np.int64((mixed ^ (mixed >> _SHIFT)) & mask)  # type: ignore[return-value] # 0 & up


@kernel
def find(w: Row, identity: int, replica: int) -> int:
    """Return the entry of an identity at a replica, or -1."""
    mask = w.buckets_size - 1
    bucket = _home(w, identity, replica)
    while buckets(w)[bucket] != 0:
        entry = entries(w)[buckets(w)[bucket] - 1]
        if entry.identity == identity and entry.replica == replica:
            return int(buckets(w)[bucket] - 1)
        bucket = (bucket + 1) & mask
    return -1


@kernel
def _place(w: Row, index: int) -> None:
    """Put an entry into the first free bucket from its home."""
    entry = entries(w)[index]
    mask = w.buckets_size - 1
    bucket = _home(w, entry.identity, entry.replica)
    while buckets(w)[bucket] != 0:
        bucket = (bucket + 1) & mask
    buckets(w)[bucket] = index + 1


@kernel
def _forget(w: Row, index: int) -> None:
    """Take an entry out of its bucket, and move up those that stood behind it."""
    entry = entries(w)[index]
    mask = w.buckets_size - 1
    bucket = _home(w, entry.identity, entry.replica)
    while buckets(w)[bucket] != index + 1:
        bucket = (bucket + 1) & mask
    hole = bucket
    while True:
        bucket = (bucket + 1) & mask
        if buckets(w)[bucket] == 0:
            break
        other = entries(w)[buckets(w)[bucket] - 1]
        home = _home(w, other.identity, other.replica)
        if ((bucket - home) & mask) >= ((bucket - hole) & mask):
            buckets(w)[hole] = buckets(w)[bucket]
            hole = bucket
    buckets(w)[hole] = 0
    entries_free(w)[w.entries_free_count] = index
    w.entries_free_count += 1


@kernel
def _unlink(w: Row, rep: Row, index: int) -> None:
    """Take an entry out of the list that it stands in, by its tier."""
    entry = entries(w)[index]
    after, before = entry.next, entry.before
    if before >= 0:
        entries(w)[before].next = after
    elif entry.tier == 0:
        rep.lru_first = after
    else:
        rep.tier_first = after
    if after >= 0:
        entries(w)[after].before = before
    elif entry.tier == 0:
        rep.lru_last = before
    else:
        rep.tier_last = before


@kernel
def _link(w: Row, rep: Row, index: int) -> None:
    """Put an entry at the most recent end of the list of its tier."""
    entry = entries(w)[index]
    last = rep.lru_last if entry.tier == 0 else rep.tier_last
    entry.next, entry.before = -1, last
    if last >= 0:
        entries(w)[last].next = index
    elif entry.tier == 0:
        rep.lru_first = index
    else:
        rep.tier_first = index
    if entry.tier == 0:
        rep.lru_last = index
    else:
        rep.tier_last = index


@kernel
def evict(w: Row, rep: Row) -> None:
    """Free the blocks of the least recently used idle entry; a CPU tier takes its content."""
    kind = kinds(w)[rep.kind]
    index = rep.lru_first
    _unlink(w, rep, index)
    rep.idle_cached -= kind.unit
    if kind.tier_units == 0:
        _forget(w, index)
        return
    entries(w)[index].tier = 1
    _link(w, rep, index)
    rep.tier_count += 1
    if rep.tier_count > kind.tier_units:
        oldest = rep.tier_first
        _unlink(w, rep, oldest)
        rep.tier_count -= 1
        _forget(w, oldest)


@kernel
def held_prefix(w: Row, rep_index: int, slot: Row, to_read: int) -> tuple[int, int, int]:
    """Return the units of a prefix that a replica holds, those that are idle, and those outside.

    At most so many that a token remains to be read.
    """
    kind = kinds(w)[replicas(w)[rep_index].kind]
    most = min((to_read - 1) // (kind.unit * kind.block), slot.block_to - slot.block_from)
    idle, outside = 0, 0
    for ahead in range(most):
        index = find(w, identities(w)[slot.block_from + ahead], rep_index)
        if index < 0:
            return ahead, idle, outside
        entry = entries(w)[index]
        outside += entry.tier
        idle += 1 if entry.users == 0 and entry.tier == 0 else 0
    return max(most, 0), idle, outside


@kernel
def claim(w: Row, rep_index: int, slot: Row, units: int) -> int:
    """Use a prefix that a replica holds; return the units that came back from host memory.

    The caller has counted idle and outside units among the blocks that it takes.
    """
    rep = replicas(w)[rep_index]
    kind = kinds(w)[rep.kind]
    outside = 0
    for ahead in range(units):
        index = find(w, identities(w)[slot.block_from + ahead], rep_index)
        entry = entries(w)[index]
        if entry.tier == 1:
            _unlink(w, rep, index)
            entry.tier = 0
            rep.tier_count -= 1
            outside += 1
        elif entry.users == 0:
            _unlink(w, rep, index)
            rep.idle_cached -= kind.unit
        entry.users += 1
    slot.shared = units
    return outside


@kernel
def remember(w: Row, rep_index: int, slot: Row, stored_tokens: int) -> None:
    """Make the full blocks of what a request has stored known, so that others find them.

    Where another request made the same block known meanwhile, the own copy is given back.
    """
    rep = replicas(w)[rep_index]
    unit = kinds(w)[rep.kind].unit
    size = unit * kinds(w)[rep.kind].block
    most = min(stored_tokens // size, slot.block_to - slot.block_from)
    while slot.shared < most and slot.blocks >= unit:
        identity = identities(w)[slot.block_from + slot.shared]
        index = find(w, identity, rep_index)
        if index < 0:
            if w.entries_free_count == 0:
                return
            w.entries_free_count -= 1
            index = entries_free(w)[w.entries_free_count]
            entry = entries(w)[index]
            entry.identity, entry.replica, entry.users, entry.tier = identity, rep_index, 0, 0
            _place(w, index)
        else:
            _share_known(w, rep, index, unit)
        entries(w)[index].users += 1
        slot.blocks -= unit
        slot.shared += 1


@kernel
def _share_known(w: Row, rep: Row, index: int, unit: int) -> None:
    """Settle blocks when a request finds that what it stored itself is known already."""
    entry = entries(w)[index]
    if entry.tier == 1:
        _unlink(w, rep, index)
        entry.tier = 0
        rep.tier_count -= 1
    elif entry.users == 0:
        _unlink(w, rep, index)
        rep.idle_cached -= unit
    else:
        rep.used -= unit


@kernel
def release_prefix(w: Row, rep_index: int, slot: Row) -> None:
    """Stop using shared blocks, the last first; those that nobody uses stay, idle."""
    rep = replicas(w)[rep_index]
    unit = kinds(w)[rep.kind].unit
    for ahead in range(slot.shared - 1, -1, -1):
        index = find(w, identities(w)[slot.block_from + ahead], rep_index)
        entry = entries(w)[index]
        entry.users -= 1
        if entry.users == 0:
            rep.used -= unit
            rep.idle_cached += unit
            _link(w, rep, index)
    slot.shared = 0


@kernel
def clear_prefixes(w: Row, rep_index: int) -> None:
    """Forget every prefix of a replica that died; nothing uses them any more."""
    rep = replicas(w)[rep_index]
    for tier in range(2):
        index = rep.lru_first if tier == 0 else rep.tier_first
        while index >= 0:
            after = entries(w)[index].next
            _forget(w, index)
            index = after
    rep.lru_first, rep.lru_last, rep.tier_first, rep.tier_last = -1, -1, -1, -1
    rep.idle_cached, rep.tier_count = 0, 0


@kernel
def place_all(worlds: Row, before: NDArray[np.int64]) -> None:
    """Put the entries that stood in other buckets into those of a larger table."""
    w = worlds[0]
    for bucket in range(len(before)):
        if before[bucket] != 0:
            _place(w, before[bucket] - 1)
