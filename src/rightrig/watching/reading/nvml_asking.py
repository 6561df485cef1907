"""Asking NVIDIA's driver about one card, again and again; runs in the reader's own process.

What a card or its driver cannot say is asked once and then left out: a call that fails costs as
much as one that answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pynvml as nvml

from rightrig.measuring.probe.nvml_child import LostError, kind_of

if TYPE_CHECKING:
    from collections.abc import Hashable

LOST: Final = frozenset({"GpuIsLost", "ResetRequired", "GpuNotFound"})
GONE: Final = frozenset({"Uninitialized", "DriverNotLoaded", "LibRmVersionMismatch"})
_NEVER: Final = frozenset({"FunctionNotFound", "NotSupported", "NoPermission", "InvalidArgument"})
_MEMBERS: Final = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal"}
"""Type of a field's value → member of the union that holds it."""


class GoneError(Exception):
    """The driver as a whole does not answer any more; the message is its own word for it."""


class Asker:
    """Asks about one card, and remembers what it cannot say."""

    def __init__(self) -> None:
        """Start with nothing missing."""
        self._lacks: set[Hashable] = set()

    def forget(self) -> None:
        """Ask everything anew: the card was partitioned, or joined again."""
        self._lacks.clear()

    def ask(self, name: str, *words: Any) -> Any:  # noqa: ANN401 - what a driver answers
        """Return what a function says, or ``None`` where card or driver cannot say it.

        Args:
            name: Of the function in nvidia-ml-py.
            words: What it takes; the first is the card, and numbers tell apart what is missing.

        Raises:
            LostError: when the card is lost.
            GoneError: when the driver is.
        """
        key = (name, *(word for word in words[1:] if isinstance(word, int)))
        if key in self._lacks:
            return None
        try:
            return getattr(nvml, name)(*words)
        except nvml.NVMLError as error:
            if self._is_lasting(kind_of(error)):
                self._lacks.add(key)
        except AttributeError:  # an older nvidia-ml-py
            self._lacks.add(key)
        return None

    def fields(self, handle: object, wanted: tuple[int, ...]) -> dict[int, Any]:
        """Return several counters that the driver numbers, in one call.

        Raises:
            LostError: when the card is lost.
            GoneError: when the driver is.
        """
        known = [one for one in wanted if one not in self._lacks]
        if not known or "fields" in self._lacks:
            return {}
        try:
            values = nvml.nvmlDeviceGetFieldValues(handle, known)
        except nvml.NVMLError as error:
            if self._is_lasting(kind_of(error)):
                self._lacks.add("fields")
            return {}
        found: dict[int, Any] = {}
        for one in values:
            if one.nvmlReturn:
                if self._is_lasting(kind_of(nvml.NVMLError(one.nvmlReturn))):
                    self._lacks.add(int(one.fieldId))
            elif member := _MEMBERS.get(one.valueType):
                found[int(one.fieldId)] = getattr(one.value, member)
        return found

    def _is_lasting(self, kind: str) -> bool:
        """Whether an error of one question will be there the next time too.

        Raises:
            LostError: when it says that the card is lost.
            GoneError: when it says that the driver is.
        """
        if kind in LOST:
            raise LostError(kind)
        if kind in GONE:
            raise GoneError(kind)
        return kind in _NEVER
