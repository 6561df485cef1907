"""What ``rightrig watch export`` costs: CPU time of the exporter and its reader, for eight cards.

A stand-in for NVIDIA's driver answers, which gcc builds (``tests/support/fake_nvml``); what the
real driver takes for its answers is not in it. ``--floor`` measures what the stand-in's own answers
cost, by asking as often from C.

    python benchmarks/watch_overhead.py [--seconds 60] [--cards 8] [--floor]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from fake_nvml import SOURCE, build, write_state  # noqa: E402 - the folder of the tests' support
from fake_nvml.scenarios import HEALTHY  # noqa: E402

TARGET_RATIO: Final = 0.01
"""Of one core."""
PERIOD_S: Final = 1.0
_WARM_S: Final = 12.0
"""Until everything was read and rendered once, what is slow too."""
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_FLOOR: Final = """
#include <stdio.h>
#include <time.h>
#include "{source}"
int main(void) {{
  device *d;
  unsigned pair[2], one;
  u64 many;
  memory_v2 used;
  field fields[6];
  for (unsigned second = 0; second < {seconds}; second++)
    for (unsigned card = 0; card < {cards}; card++) {{
      nvmlDeviceGetHandleByIndex_v2(card, &d);
      nvmlDeviceGetUtilizationRates(d, pair);
      for (int n = 0; n < 6; n++) fields[n].id = 83;
      nvmlDeviceGetFieldValues(d, 6, fields);
      nvmlDeviceGetMemoryInfo_v2(d, &used);
      nvmlDeviceGetTemperature(d, 0, &one);
      nvmlDeviceGetPowerUsage(d, &one);
      nvmlDeviceGetClockInfo(d, 1, &one);
      nvmlDeviceGetClockInfo(d, 2, &one);
      nvmlDeviceGetCurrentClocksEventReasons(d, &many);
      nvmlDeviceGetCurrPcieLinkGeneration(d, &one);
      nvmlDeviceGetCurrPcieLinkWidth(d, &one);
      if (second % 10 == 0)
        for (unsigned link = 0; link < 18; link++)
          for (unsigned counter = 0; counter < 4; counter++)
            nvmlDeviceGetNvLinkErrorCounter(d, link, counter, &many);
    }}
  printf("%f\\n", (double)clock() / CLOCKS_PER_SEC);
  return 0;
}}
"""


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process took so far, in and for it."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found += map(int, (thread / "children").read_text("utf-8").split())
    return found


def floor_ratio(folder: Path, cards_count: int, seconds_count: int) -> float:
    """Return what the stand-in's own answers cost, as a share of one core."""
    source = folder / "floor.c"
    program = _FLOOR.format(source=SOURCE, cards=cards_count, seconds=seconds_count)
    source.write_text(program, "utf-8")
    subprocess.run(["gcc", "-O1", "-o", str(folder / "floor"), str(source)], check=True)  # noqa: S607
    done = subprocess.run([str(folder / "floor")], check=True, capture_output=True, text=True)
    return float(done.stdout) / seconds_count


def scraped(connection: http.client.HTTPConnection) -> int:
    """Scrape once; return the length of the page."""
    connection.request("GET", "/metrics")
    return len(connection.getresponse().read())


def overhead(connection: http.client.HTTPConnection, pid: int, measured_s: float) -> list[float]:
    """Return the shares of one core that exporter and reader took, scraped each second."""
    began_s = time.monotonic()
    ends_s = began_s + _WARM_S + measured_s
    before_s: list[float] = []
    next_s = began_s
    while next_s < ends_s:
        scraped(connection)
        if not before_s and time.monotonic() >= began_s + _WARM_S:
            pids = [pid, *children(pid)]
            before_s, from_s = [cpu_s(one) for one in pids], time.monotonic()
        next_s += PERIOD_S
        time.sleep(max(next_s - time.monotonic(), 0.0))
    over_s = time.monotonic() - from_s
    return [(cpu_s(one) - was_s) / over_s for one, was_s in zip(pids, before_s, strict=True)]


def main() -> int:
    """Measure, and print; 1 when it is more than the target."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=int, default=60)
    words.add_argument("--cards", type=int, default=8)
    words.add_argument("--floor", action="store_true")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_state(folder / "state", HEALTHY, {"count": asked.cards})
        os.environ["FAKE_NVML_STATE"] = str(folder / "state")
        if asked.floor:
            share = floor_ratio(folder, asked.cards, asked.seconds)
            print(f"the stand-in's own answers: {share:.3%} of one core")
        environment = {**os.environ, "LD_LIBRARY_PATH": str(build(folder / "lib"))}
        command = [sys.executable, "-m", "rightrig", "watch", "export", "--port", "0"]
        with subprocess.Popen(
            [*command, "--every", f"{PERIOD_S:g}s"], env=environment, stdout=subprocess.PIPE,
            text=True,
        ) as exporter:  # fmt: skip
            said = exporter.stdout.readline() if exporter.stdout else ""
            connection = http.client.HTTPConnection(urlsplit(said.split()[2]).netloc, timeout=5.0)
            size_bytes = scraped(connection)
            shares = overhead(connection, exporter.pid, float(asked.seconds))
            exporter.terminate()
    print(f"{asked.cards} cards, a reading and a scrape of {size_bytes / 1e3:.0f} kB a second:")
    print(f"exporter {shares[0]:.2%}, reader {sum(shares[1:]):.2%}, of one core")
    print(f"together {sum(shares):.2%}; target {TARGET_RATIO:.0%}")
    return int(sum(shares) > TARGET_RATIO)


if __name__ == "__main__":
    sys.exit(main())
