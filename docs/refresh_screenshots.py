#!/usr/bin/env python3
"""Take the pictures of the pages that the README shows, from a server that this script starts.

python docs/refresh_screenshots.py [--browser /usr/bin/chromium]
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parent / "img"
WIDTH, HEIGHT = 1280, 800
MOST_BYTES: Final = 250_000
_LONGEST_WAIT_S: Final = 120.0
PICTURES: Final = {
    "page-configurator.png": "/?v=1&rig=4xrtx-4090&users=4",
    "page-plan.png": (
        "/plan?model=meta-llama/Llama-3.3-70B-Instruct&rate=5/s&input=1000&output=300"
        "&ttft_p99=1s&tpot_p99=50ms"
    ),
    "page-rig.png": "/rigs/4xrtx-4090+1xa100-sxm-80gb",
}
"""Pictures by name, each with the address of its page."""


@contextmanager
def serving() -> Iterator[str]:
    """Serve the shipped catalogue while the pictures are taken."""
    import uvicorn  # noqa: PLC0415 - an extra; the list of pictures is read without it

    from rightrig.facts.catalog import shipped  # noqa: PLC0415 - the same
    from rightrig.web.app import created  # noqa: PLC0415 - the same

    config = uvicorn.Config(created(shipped()), port=0, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(_LONGEST_WAIT_S)


def main() -> None:
    """Take every picture, in light and at a width that people have."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - needed here alone

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browser", default="/usr/bin/chromium", help="a Chromium")
    browser_path = parser.parse_args().browser
    FOLDER.mkdir(exist_ok=True)
    with serving() as url, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(
            base_url=url, viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light"
        )
        page.set_default_timeout(1e3 * _LONGEST_WAIT_S)
        for name, address in PICTURES.items():
            answer = page.goto(address)
            if answer is None or not answer.ok:
                raise SystemExit(f"{address} is not answered: is what it names in the catalogue?")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=FOLDER / name)
            size_bytes = (FOLDER / name).stat().st_size
            if size_bytes > MOST_BYTES:
                raise SystemExit(f"{name} has {size_bytes:,} bytes; the most is {MOST_BYTES:,}")
            sys.stdout.write(f"{name}: {size_bytes:,} bytes\n")
        browser.close()


if __name__ == "__main__":
    main()
