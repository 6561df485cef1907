"""The loop of a machine on a real engine: load at some users, refit, predict the others."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

MEASURED_AT: Final = (1, 4, 16)
ASKED_AT: Final = (2, 8, 32)
RATE: Final = "output_tokens_per_s"
QUANTITIES: Final = ("tpot_s", "ttft_s", RATE)


@dataclass(frozen=True)
class Loop:
    """One engine, and how rightrig is asked.

    Attributes:
        ask: Takes a store and the words of a command, returns its JSON.
        url: Of the engine.
        model: Folder of its model.
        folder: For stores: the refit never sees that of the loads which are asked about.
        truth: Users and quantity → what was measured, a value a round.
    """

    ask: Callable[[Path, str], Any]
    url: str
    model: str
    folder: Path
    input_tokens: int = 32
    output_tokens: int = 16
    truth: dict[tuple[int, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def mine(self) -> Path:
        """The store that the refit reads."""
        return self.folder / "mine.db"

    @property
    def _deployed(self) -> str:
        lengths = f"--input {self.input_tokens} --output {self.output_tokens}"
        return f"--on this --runtime transformers --weights bf16 {lengths}"

    def measure(self, numbers: Iterable[int]) -> None:
        """Load the engine at all numbers of users in turn, round by round."""
        for number in numbers:
            for users in (1, 2, 4, 8, 16, 32):
                store = self.mine if users in MEASURED_AT else self.folder / "asked.db"
                for name, value in self._measured(store, users, 10 * users + number).items():
                    self.truth[users, name].append(value)

    def _measured(self, store: Path, users: int, seed: int) -> dict[str, float]:
        path = shlex.quote(self.model)
        found = self.ask(
            store,
            f"load {self.url} --completions --concurrency {users} --requests {max(24, 8 * users)} "
            f"--seed {seed} --ttft-p99 60s {self._deployed} --name {path} --model {path}",
        )
        (level,) = found["levels"]
        assert level["faults"] == {}
        means = {name: level["latencies"][name]["statistics"]["mean"] for name in ("tpot", "ttft")}
        return {f"{n}_s": mean["mid_s"] for n, mean in means.items()} | {RATE: level[RATE]}

    def spread_ratio(self, name: str) -> float:
        """Return by how much equal loads differed: most over least, less one, of the worst users.

        What a machine does not repeat, nothing can predict more closely.
        """
        rounds = [values for (_, one), values in self.truth.items() if one == name]
        return max(max(values) / min(values) for values in rounds) - 1.0

    def errors(self, asked_at: Iterable[int] = ASKED_AT) -> dict[tuple[int, str], float]:
        """Refit, and return predicted over measured, less one, at some users."""
        self.ask(self.mine, "calibrate --mine")
        found = {}
        for users in asked_at:
            path = shlex.quote(self.model)
            told = self.ask(self.mine, f"predict {path} {self._deployed} --concurrency {users}")
            assert told["evidence"] == "measured on this machine"
            for name in QUANTITIES:
                found[users, name] = told[name]["mid"] / median(self.truth[users, name]) - 1.0
        return found
