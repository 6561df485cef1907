"""Error events of NVIDIA's driver (XIDs); runs in the reader's own process.

Waiting for them is the reader's sleep between two readings.
"""

from __future__ import annotations

import ctypes
import math
import time
from typing import TYPE_CHECKING, Any, Final

import pynvml as nvml

from rightrig.measuring.probe.nvml_child import kind_of
from rightrig.watching.reading.nvml_asking import GONE, GoneError

if TYPE_CHECKING:
    from collections.abc import Mapping

_XID: Final = nvml.nvmlEventTypeXidCriticalError
_MOST_AT_ONCE: Final = 1_000


def _address(handle: Any) -> int | None:  # noqa: ANN401 - a pointer of the binding
    """Return where a card's handle points to, which tells it apart."""
    return ctypes.cast(handle, ctypes.c_void_p).value


class Events:
    """Listens to the cards of a machine, as far as they can tell."""

    def __init__(self) -> None:
        """Listen to nothing yet."""
        self._set: Any = None
        self._index_of: dict[int | None, int] = {}
        self.is_broken = False

    def listen(self, handles: Mapping[int, object]) -> None:
        """Listen to these cards, and to no others.

        Args:
            handles: By the index of the card.

        Raises:
            GoneError: when the driver does not answer any more.
        """
        self._free()
        self.is_broken = False
        if not handles:
            return
        try:
            self._set = nvml.nvmlEventSetCreate()
        except nvml.NVMLError as error:
            _raise_if_gone(error)
            return
        for index, handle in handles.items():
            self._add(index, handle)
        if not self._index_of:
            self._free()

    def _add(self, index: int, handle: object) -> None:
        """Listen to one card more, where it has events."""
        try:
            if nvml.nvmlDeviceGetSupportedEventTypes(handle) & _XID:
                nvml.nvmlDeviceRegisterEvents(handle, _XID, self._set)
                self._index_of[_address(handle)] = index
        except nvml.NVMLError as error:
            _raise_if_gone(error)

    def _free(self) -> None:
        """Listen to nothing any more."""
        self._index_of = {}
        if self._set is not None:
            try:
                nvml.nvmlEventSetFree(self._set)
            except nvml.NVMLError as error:
                _raise_if_gone(error)
            self._set = None

    def wait(self, time_s: float) -> list[tuple[int, int]]:
        """Sleep, but no longer than until something happens; return card and XID of each event.

        Raises:
            GoneError: when the driver does not answer any more.
        """
        ends_s = time.monotonic() + time_s
        found: list[tuple[int, int]] = []
        while len(found) < _MOST_AT_ONCE:
            left_s = 0.0 if found else max(ends_s - time.monotonic(), 0.0)
            if self._set is None:
                time.sleep(left_s)
                break
            event = self._next(left_s)
            if event is None:
                break
            if (
                event.eventType & _XID
                and (index := self._index_of.get(_address(event.device))) is not None
            ):
                found.append((index, int(event.eventData)))
        if not found and self.is_broken:
            time.sleep(max(ends_s - time.monotonic(), 0.0))
        return found

    def _next(self, time_s: float) -> Any:  # noqa: ANN401 - an event of the binding
        """Return the next event; ``None`` when the time is over, or the driver cannot wait."""
        try:
            return nvml.nvmlEventSetWait_v2(self._set, math.ceil(time_s * 1e3))
        except nvml.NVMLError as error:
            _raise_if_gone(error)
            # A card that fell off the bus makes this fail at once, and for all others too.
            self.is_broken = kind_of(error) != "Timeout"
        return None


def _raise_if_gone(error: nvml.NVMLError) -> None:
    """Tell a driver that is away from all other errors.

    Raises:
        GoneError: when it is.
    """
    if kind_of(error) in GONE:
        raise GoneError(kind_of(error)) from error
