"""One rank of the collectives, as a process: ``python -m rightrig.measuring.bench.rank TASK``.

It prints a line of JSON for every message that it timed, and ends when its standard input does:
whoever started it is gone then.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.measuring.bench.checking import error_ratio
from rightrig.measuring.bench.timing import LEAST_REPEATS_COUNT, WARM_UPS_COUNT

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES: Final = ("all_reduce", "all_gather", "all_to_all")
_SMALL_BYTES: Final = 2.0**20
_SMALL_CALLS_COUNT: Final = 10
_FLOAT_BYTES: Final = 4
_BLOCK_COUNT: Final = 1_048_573
_MEET_WITHIN_S: Final = 60


@dataclass(frozen=True, slots=True)
class Message:
    """One collective, ready to be sent.

    Attributes:
        send: Sends it.
        renew: Makes its buffers as they were; sums grow with every all-reduce.
        error_ratio: Tells how wrong the result is, after it was sent.
    """

    send: Callable[[], object]
    renew: Callable[[], object]
    error_ratio: Callable[[], float]


def main(words: list[str]) -> None:
    """Run the task of one rank."""
    import torch  # noqa: PLC0415 - of weight, and in this process alone

    task: dict[str, Any] = json.loads(words[0])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if not task["is_card"]:
        torch.set_num_threads(1)
        # Ranks of one host: the name of the host may lead nowhere.
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
    else:
        torch.cuda.set_device(task["rank"])
    torch.distributed.init_process_group(
        "nccl" if task["is_card"] else "gloo", init_method=task["meeting"], rank=task["rank"],
        world_size=task["ranks_count"], timeout=datetime.timedelta(seconds=_MEET_WITHIN_S),
    )  # fmt: skip
    for size_bytes in task["sizes_bytes"]:
        for name in _NAMES:
            said = _measured(torch, task, name, size_bytes)
            if task["rank"] == 0:
                sys.stdout.write(
                    json.dumps({"name": name, "size_bytes": size_bytes, **said}) + "\n"
                )
                sys.stdout.flush()
    torch.distributed.destroy_process_group()


def _end_with_parent() -> None:
    """Leave as soon as nobody holds the other end of the standard input."""
    sys.stdin.read()
    os._exit(0)


def _measured(
    torch: Any,  # noqa: ANN401 - not typed
    task: dict[str, Any],
    name: str,
    size_bytes: float,
) -> dict[str, Any]:
    """Return the samples of one message; the first rank decides for all whether time is left."""
    device = f"cuda:{task['rank']}" if task["is_card"] else "cpu"
    has_time = torch.tensor([time.time() < task["until_s"]], dtype=torch.int32, device=device)
    torch.distributed.broadcast(has_time, 0)
    nothing: dict[str, Any] = {
        "why": "no time was left for it",
        "samples_s": [],
        "error_ratio": None,
    }
    if not int(has_time):
        return nothing
    try:
        message = _message(torch, task, name, size_bytes)
        samples = _sampled_s(torch, message, size_bytes, is_card=task["is_card"])
        message.renew()
        message.send()
        wrong_ratio = message.error_ratio()
    except (RuntimeError, NotImplementedError, ValueError) as error:
        return {**nothing, "why": (str(error).splitlines() or ["it failed"])[0][:200]}
    return {"why": "", "samples_s": samples, "error_ratio": wrong_ratio}


def _sampled_s(torch: Any, message: Message, size_bytes: float, *, is_card: bool) -> list[float]:  # noqa: ANN401
    """Return times of one message; every rank sends as many."""
    calls = _SMALL_CALLS_COUNT if size_bytes <= _SMALL_BYTES else 1
    for _ in range(WARM_UPS_COUNT):
        message.send()
    samples = []
    for _ in range(LEAST_REPEATS_COUNT):
        message.renew()
        torch.distributed.barrier()
        if is_card:
            torch.cuda.synchronize()
        begun_s = time.perf_counter()
        for _ in range(calls):
            message.send()
        if is_card:
            torch.cuda.synchronize()
        samples.append((time.perf_counter() - begun_s) / calls)
    return samples


def _message(torch: Any, task: dict[str, Any], name: str, size_bytes: float) -> Message:  # noqa: ANN401
    """Return one collective on random numbers, which all ranks know of each other."""
    ranks, own = task["ranks_count"], task["rank"]
    device = f"cuda:{own}" if task["is_card"] else "cpu"
    count = max(int(size_bytes) // _FLOAT_BYTES // ranks, 1) * ranks
    part = count // ranks

    def of_rank(rank: int, length: int) -> Any:  # noqa: ANN401 - a tensor
        # A block again and again: drawing takes longer than sending.
        seed = torch.Generator().manual_seed(rank + 1)
        block = torch.randn(min(length, _BLOCK_COUNT), generator=seed).to(device)
        return block.repeat(-(-length // block.numel()))[:length]

    result = torch.empty(count, device=device)
    if name == "all_reduce":
        given, wanted = of_rank(own, count), sum(of_rank(r, count).double() for r in range(ranks))
        send = functools.partial(torch.distributed.all_reduce, result)
        return Message(send, lambda: result.copy_(given), lambda: error_ratio(result, wanted))
    if name == "all_gather":
        given = of_rank(own, part)
        wanted = torch.cat([of_rank(rank, part) for rank in range(ranks)])
        send = functools.partial(torch.distributed.all_gather_into_tensor, result, given)
    else:
        given = of_rank(own, count)
        mine = slice(own * part, (own + 1) * part)
        wanted = torch.cat([of_rank(rank, count)[mine] for rank in range(ranks)])
        send = functools.partial(torch.distributed.all_to_all_single, result, given)
    return Message(send, result.zero_, lambda: error_ratio(result, wanted))


if __name__ == "__main__":
    main(sys.argv[1:])
