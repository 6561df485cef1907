"""The cache of a request travels from the replica that read its prompt to one that decodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import kinds, places, queue, replicas, slots
from rightrig.simulation.layout import MOVING
from rightrig.simulation.loop import schedule
from rightrig.simulation.request import move_handle

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row


@kernel
def send_cache(w: Row, r: int, index: int, time_s: float) -> None:
    """Send what a request has stored over the replica's link, after what is being sent."""
    rep, slot = replicas(w)[r], slots(w)[index]
    kind = kinds(w)[rep.kind]
    stored = slot.input + slot.done - 1
    begins_s = max(time_s, rep.link_free_s)
    rep.link_free_s = begins_s + kind.transfer_s + stored * kind.transfer_s_per_token
    slot.state = MOVING
    schedule(queue(w), places(w), move_handle(w, index), rep.link_free_s, 1)
