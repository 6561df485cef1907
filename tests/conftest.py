"""What every test run shares."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Program

try:
    import fcntl
except ImportError:  # Windows has none: there each worker compiles for itself.
    fcntl = None  # type: ignore[assignment]

# What a developer keeps in the own catalogue, or downloaded, must not change what a test sees;
# programs that a test starts inherit it.
os.environ["RIGHTRIG_CATALOG"] = ""
os.environ["RIGHTRIG_PRICES"] = "shipped"
# The same of runs that a developer measured, and of the developer's machine.
_OWN: Final = tempfile.TemporaryDirectory(prefix="rightrig-tests-", ignore_cleanup_errors=True)
os.environ["RIGHTRIG_DB"] = str(Path(_OWN.name) / "runs.db")
os.environ["RIGHTRIG_MACHINE"] = ""

# What a shell starts in the background ignores Ctrl-C, and so would every program of a test.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A build must not fail by chance on a change that has nothing to do with it: there the examples
# are the same each time; on a developer's machine they are new each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

_SIMULATED = (
    "tests/simulation/", "test_simulate_command.py", "test_simulate_report.py",
    "planning/test_simulated.py", "test_plan_command.py", "cli/test_reports.py",
    "report/test_schema.py", "web/test_api", "web/test_safety.py", "web/test_workers.py",
    "browser/test_plan.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of the simulator wait until its kernels are compiled."""
    for item in items:
        if isinstance(item, pytest.Function) and any(n in item.path.as_posix() for n in _SIMULATED):
            item.fixturenames.insert(0, "compiled")


@pytest.fixture(autouse=True)
def _prices_of_this_test() -> Iterator[None]:
    """Forget the refreshed prices, which a process reads once, before and after each test."""
    from rightrig.verbs.refreshed import refreshed_prices  # noqa: PLC0415 - the command line

    refreshed_prices.cache_clear()
    yield
    refreshed_prices.cache_clear()


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Return the program in this process."""
    from program import Program  # noqa: PLC0415 - the command line, where it is needed

    return Program(monkeypatch, capsys)


@pytest.fixture(scope="session")
def compiled() -> None:
    """Compile the kernels, or wait for the worker that does and take what it has kept."""
    from replaying import replayed  # noqa: PLC0415 - numba, where it is needed
    from small_clusters import cluster, fixed  # noqa: PLC0415

    from rightrig.simulation._jit import kernels_key  # noqa: PLC0415

    path = Path(tempfile.gettempdir()) / f"rightrig-kernels-{kernels_key()}.lock"
    with path.open("w", encoding="utf-8") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        replayed(cluster(), fixed([0.0], 1, 1))
