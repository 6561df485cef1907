"""ggml's graph allocator: the bytes of working memory that a graph of tensors takes.

llama.cpp's "compute buffer" is the highest address that this allocator hands out for the largest
batch. It is no sum of tensors: freed blocks are reused best fit first, some operations write
over their input, and gaps stay. So the allocator is run here on the graph's sizes (repository
ggml-org/llama.cpp, ggml/src/ggml-alloc.c and ggml-backend.cpp, 2026-10); no data is touched.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

ALIGNMENT_BYTES: Final = 32
"""Of the CPU's buffers; those of cards take up to 128, which moves nothing visible."""
HOST: Final = -1
"""The device number of host memory."""
TAKEN_OVER_ROWS: Final = 32
"""CUDA, HIP and Vulkan compute with weights in host memory from this batch size on (the
``offload_op`` of their back ends); the first card does it."""


@dataclass(slots=True, eq=False)
class Tensor:
    """One tensor of a graph.

    Attributes:
        size_bytes: Bytes of its data.
        sources: What it is computed from, in ggml's order.
        shape: Dimensions; two plain tensors of one shape have one layout.
        base: The tensor that it is a view of.
        is_plain: Contiguous and from the start of its base.
        overwrites: Its operation may write over an input of the same layout.
        is_stored: In a buffer of its own (weights, KV cache).
        is_weight: Weights: what multiplies them runs where they lie.
        is_kept: An output: never freed.
        is_alias: A view that computes nothing (reshape, permute).
        follows: Takes no device from its weights (rotary embedding, flash attention).
        rows_count: Rows of its batch; cards take over work on the host's weights from 32 rows.
        device: Where it is computed and lies; ``None`` until ``assign`` has run.
    """

    size_bytes: int
    sources: tuple[Tensor, ...] = ()
    shape: tuple[int, ...] = ()
    base: Tensor | None = None
    is_plain: bool = True
    overwrites: bool = False
    is_stored: bool = False
    is_weight: bool = False
    is_kept: bool = False
    is_alias: bool = False
    follows: bool = False
    rows_count: int = 0
    device: int | None = None


@dataclass(slots=True)
class Graph:
    """Tensors in the order in which they are computed, inputs apart."""

    nodes: list[Tensor] = field(default_factory=list)
    leaves: list[Tensor] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def expand(self, tensor: Tensor) -> None:
        """Add a tensor after everything that it needs, first sources first."""
        if id(tensor) in self.seen:
            return
        self.seen.add(id(tensor))
        for source in tensor.sources:
            self.expand(source)
        if tensor.sources:
            self.nodes.append(tensor)
        elif not tensor.is_stored:
            self.leaves.append(tensor)


class _Blocks:
    """The free blocks of one device's buffer, by address; the last one has no end."""

    def __init__(self, path: list[int]) -> None:
        self._free: list[tuple[int, int]] = [(0, 1 << 62)]
        self._path = path
        self.peak_bytes = 0

    def take(self, size_bytes: int) -> int:
        """Return the address of the smallest free block that is large enough, cut off it."""
        best = len(self._free) - 1
        for i, (_, length) in enumerate(self._free[:-1]):
            is_better = best == len(self._free) - 1 or length <= self._free[best][1]
            if length >= size_bytes and is_better:
                best = i
        # A block that was not taken is too small, or no better than the one that was.
        self._path.append(best)
        self._path += [length < size_bytes for _, length in self._free[:-1]]
        offset, length = self._free.pop(best)
        if length > size_bytes:
            self._free.insert(best, (offset + size_bytes, length - size_bytes))
        self._path.append(2 * (length > size_bytes) + (offset + size_bytes > self.peak_bytes))
        self.peak_bytes = max(self.peak_bytes, offset + size_bytes)
        return offset

    def give(self, offset: int, size_bytes: int) -> None:
        """Put a block back and join it with its neighbours."""
        insort(self._free, (offset, size_bytes))
        i = self._free.index((offset, size_bytes))
        self._path += (i, len(self._free))
        if i + 1 < len(self._free) and offset + size_bytes == self._free[i + 1][0]:
            size_bytes += self._free.pop(i + 1)[1]
            self._free[i] = (offset, size_bytes)
        if i and sum(self._free[i - 1]) == offset:
            before, length = self._free[i - 1]
            self._free[i - 1] = (before, length + size_bytes)
            del self._free[i]


@dataclass(slots=True)
class _Allocator:
    """The state of one run: who uses what, where it lies, and how sizes compared on cards."""

    path: list[int] = field(default_factory=list)
    blocks: dict[int | None, _Blocks] = field(default_factory=dict)
    children: Counter[int] = field(default_factory=Counter)
    views: Counter[int] = field(default_factory=Counter)
    placed: dict[int, tuple[int, int]] = field(default_factory=dict)

    def count(self, nodes: list[Tensor]) -> None:
        """Count the users and the views of every tensor."""
        for node in nodes:
            if node.base is not None:
                self.views[id(node.base)] += 1
            for source in node.sources:
                self.children[id(source)] += 1

    def place(self, tensor: Tensor) -> None:
        """Give a tensor its bytes: over an input that nobody needs any more, or of its own."""
        if tensor.is_stored or tensor.base is not None or id(tensor) in self.placed:
            return
        if tensor.overwrites and self._overwrite(tensor):
            return
        size = _aligned(tensor.size_bytes)
        if tensor.device not in self.blocks:
            self.blocks[tensor.device] = _Blocks([] if tensor.device == HOST else self.path)
        offset = self.blocks[tensor.device].take(size)
        self.placed[id(tensor)] = (offset, size)

    def _overwrite(self, tensor: Tensor) -> bool:
        """Whether an input's bytes could be taken over; those of a view never are."""
        for source in tensor.sources:
            is_free = self.children[id(source)] == 1 and self.views[id(source)] == 0
            fits = source.base is None and source.shape == tensor.shape
            self.path.append(fits)
            if is_free and fits and not source.is_kept and id(source) in self.placed:
                self.placed[id(tensor)] = self.placed.pop(id(source))
                return True
        return False

    def release(self, tensor: Tensor) -> None:
        """Note that one user is done; free what nobody uses."""
        self.children[id(tensor)] -= 1
        if self.children[id(tensor)] or self.views[id(tensor)]:
            return
        owner = tensor
        if tensor.base is not None:
            owner = tensor.base
            self.views[id(owner)] -= 1
            if self.views[id(owner)] or self.children[id(owner)]:
                return
        if not owner.is_kept and id(owner) in self.placed:
            offset, size = self.placed.pop(id(owner))
            self.blocks[owner.device].give(offset, size)


def _aligned(size_bytes: int) -> int:
    """Return a size rounded up to the alignment."""
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def traced_bytes(
    graph: Graph, copies_count: int = 1, *, takes_over: bool = False
) -> tuple[dict[int | None, int], list[int]]:
    """Return the bytes of the compute buffer on each device, and how sizes compared on cards.

    Where sizes are affine in a number (the cells of a context) and two runs compare alike all the
    way, so does every run between them, and what it takes on cards lies on the line through
    theirs: the sets on which a comparison of affine sizes ends one way are convex.

    Inputs lie in host memory; a device that needs a tensor of another one gets a copy of it
    when its part of the graph starts. Pipelined devices keep ``copies_count`` of every input
    and of every such copy. ``takes_over``: the first card computes large batches with weights
    that lie in host memory, for which they are copied into its buffer.
    """
    assign(graph, takes_over=takes_over)
    nodes, copies = _with_copies(graph.nodes)
    run = _Allocator()
    if copies_count > 1:
        spares = []
        for tensor in (*graph.leaves, *copies):
            tensor.is_kept = True
            spares += [tensor, *(replace(tensor) for _ in range(copies_count - 1))]
        for tensor in spares:
            run.place(tensor)
    for leaf in graph.leaves:
        run.place(leaf)
    run.count(nodes)
    for node in nodes:
        for source in node.sources:
            run.place(source)
        run.place(node)
        for source in node.sources:
            run.release(source)
    return {device: blocks.peak_bytes for device, blocks in run.blocks.items()}, run.path


def assign(graph: Graph, *, takes_over: bool) -> None:
    """Give every tensor a device, as ggml's scheduler does.

    Inputs are the host's; what multiplies weights runs where they lie; the rest goes to the card
    of the nodes before it, then of those after it, then to the host likewise.
    """
    for leaf in graph.leaves:
        leaf.device = HOST
    working = [node for node in graph.nodes if not node.is_alias]
    for node in working:
        if node.device is None:
            node.device = _own_device(node, takes_over=takes_over)
    for with_host in (False, True):
        _spread(working, with_host=with_host)
        _spread(working[::-1], with_host=with_host)
    for node in graph.nodes:
        owner = node.base if node.is_alias and node.base is not None else node
        node.device = HOST if owner.device is None else owner.device


def _spread(nodes: list[Tensor], *, with_host: bool) -> None:
    """Give nodes without a device that of the nodes before them."""
    current: int | None = None
    for node in nodes:
        if node.device is None:
            node.device = current
        else:
            current = node.device if with_host or node.device != HOST else None


def _own_device(node: Tensor, *, takes_over: bool) -> int | None:
    """Return the device that a node's own data or weights decide, if any."""
    if node.base is not None and node.base.is_stored:
        return node.base.device
    if node.follows:
        return None
    found = next((source.device for source in node.sources if source.is_weight), None)
    if found == HOST and takes_over and node.rows_count >= TAKEN_OVER_ROWS:
        return 0
    return found


def _with_copies(nodes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the nodes with copies where a device needs another's tensor, and those copies.

    A part of the graph (a split) is a run of nodes of one device; the copies that it needs
    stand at its start. Weights of another device start a new one, so that the place of those
    before can be used again.
    """
    copies: dict[tuple[int, int | None], Tensor] = {}
    arranged: list[Tensor] = []
    waiting: list[Tensor] = []
    fetched = False
    device = next(node.device for node in nodes if not node.is_alias)
    for node in nodes:
        if not node.is_alias:
            if node.device != device or (fetched and _fetches(node)):
                fetched = False
                arranged += waiting
                waiting = []
                device = node.device
            added = _copied(node, copies)
            fetched = fetched or bool(added)
            arranged += added
        waiting.append(node)
    return arranged + waiting, list(copies.values())


def _fetches(node: Tensor) -> bool:
    """Whether a node needs weights of another device."""
    return any(source.is_weight and source.device != node.device for source in node.sources)


def _copied(node: Tensor, copies: dict[tuple[int, int | None], Tensor]) -> list[Tensor]:
    """Point a node at copies on its device; return those that are new, with their holds."""
    added = []
    sources = []
    for source in node.sources:
        is_written = node.base is not None and node.base is source
        if source.device == node.device or is_written:
            sources.append(source)
            continue
        key = (id(source), node.device)
        if key not in copies:
            hold = Tensor(0, (source,), is_stored=True, device=source.device)
            copies[key] = Tensor(source.size_bytes, shape=source.shape, device=node.device)
            added += [hold, copies[key]]
        sources.append(copies[key])
    node.sources = tuple(sources)
    return added
