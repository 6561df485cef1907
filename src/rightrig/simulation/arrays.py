"""The arrays of a world, from the addresses in its record.

Kernels take the world as one pointer: passing twenty arrays through every call made them slower to
compile and to run by large factors. The Python side (:class:`~rightrig.simulation.world.World`)
owns the arrays and keeps their addresses current. ``slots(w)`` is the array of slots, and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numba.np.numpy_support import from_dtype

from rightrig.simulation.layout import (
    ENTRY,
    FAILURE,
    FINISH,
    GAP_BINS,
    KIND,
    RECORD,
    REPLICA,
    ROW,
    SLOT,
    TENANT,
)
from rightrig.simulation.loop import EVENT

if TYPE_CHECKING:
    from collections.abc import Callable

_WHOLE: Final = np.dtype(np.int64)
_REAL: Final = np.dtype(np.float64)


def _view(name: str, dtype: Any, columns: int | str = 0) -> Callable[[Any], Any]:  # noqa: ANN401
    """Return a function of kernels that gives the array of a name.

    Args:
        name: One of ``layout.ARRAYS``.
        dtype: Of its elements.
        columns: Of an array of two dimensions; a name for a field of the record.
    """
    populate: Any = populate_array
    pack: Any = cgutils.pack_array
    element = from_dtype(dtype)
    found = types.Array(element, 2 if columns else 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ANN401
        def field(of: str) -> Any:  # noqa: ANN401
            get = context.get_getattr(signature.args[0], of)
            return get(context, builder, signature.args[0], args[0], of)

        def whole(count: int) -> Any:  # noqa: ANN401
            return ir.Constant(ir.IntType(64), count)

        array = context.make_array(found)(context, builder)
        pointer = builder.inttoptr(field(f"{name}_at"), cgutils.voidptr_t)
        item = whole(dtype.itemsize)
        shape, strides = [field(f"{name}_size")], [item]
        if columns:
            width = field(columns) if isinstance(columns, str) else whole(columns)
            shape, strides = [shape[0], width], [builder.mul(width, item), item]
        populate(
            array,
            data=builder.bitcast(pointer, array.data.type),
            shape=pack(builder, shape),
            strides=pack(builder, strides),
            itemsize=item,
            meminfo=None,
        )
        return array._getvalue()  # noqa: SLF001 - numba's own way

    def view(_typing: Any, w: Any) -> Any:  # noqa: ANN401
        return found(w), generate

    make: Any = intrinsic
    made: Callable[[Any], Any] = make(view)
    return made


rows = _view("rows", ROW)
slots = _view("slots", SLOT)
replicas = _view("replicas", REPLICA)
kinds = _view("kinds", KIND)
tables = _view("tables", _REAL)
heaps = _view("finishing", FINISH, "heap_size")
queue = _view("queue", EVENT)
places = _view("places", _WHOLE)
links = _view("links", _WHOLE, 4)
free = _view("free", _WHOLE)
records = _view("records", RECORD)
identities = _view("identities", _WHOLE)
entries = _view("entries", ENTRY)
entries_free = _view("entries_free", _WHOLE)
buckets = _view("buckets", _WHOLE)
gap_rows = _view("gaps", _REAL, GAP_BINS)
bins = _view("bins", _REAL, 3)
tenants = _view("tenants", TENANT)
failures = _view("failures", FAILURE)
