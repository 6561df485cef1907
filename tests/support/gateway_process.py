"""Gateways as processes of a test: nginx, and LiteLLM's proxy of ``make gateways``."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from servings import serving

from rightrig.measuring.tune.engine import free_port
from rightrig.recipes.launch import Launch
from rightrig.recipes.places.gateways import NGINX_PORT, litellm_file, nginx_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.recipes.places.gateways import Address
    from rightrig.recipes.serving import Serving

ROOT: Final = Path(__file__).parents[2]
LITELLM: Final = ROOT / ".cache" / "gateways" / "litellm" / "bin" / "litellm"
_NGINX: Final = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
KEY: Final = "sk-of-a-test"
MODEL: Final = "meta-llama/Llama-3.1-8B"
_STARTS_S: Final = 120.0
PROMPT: Final = [{"role": "user", "content": "hello"}]
LAUNCH: Final = Launch("vllm", "0.33.0", ("vllm", "serve"), (), 8000, "/health")


def _served(concurrency: int) -> Serving:
    """Return two engines for so many sequences."""
    return serving(MODEL, "2xh100-sxm", runtime="vllm", tp=1, replicas=2, concurrency=concurrency)


def litellm_text(addresses: Sequence[Address], concurrency: int = 8) -> str:
    """Return the generated configuration of LiteLLM."""
    return litellm_file(_served(concurrency), addresses).text


@contextmanager
def nginx(addresses: Sequence[Address], concurrency: int = 8) -> Iterator[str]:
    """Yield the address of an nginx with the generated configuration, run by nobody in particular.

    Only its port and the folder that it writes to are others.
    """
    if _NGINX is None:
        pytest.skip("nginx is absent: install Debian's nginx-light")
    port, text = free_port(), nginx_file(_served(concurrency), LAUNCH, addresses).text
    with tempfile.TemporaryDirectory(prefix="rightrig-nginx-") as folder:
        Path(folder).chmod(0o777)  # another user writes here
        config = Path(folder) / "nginx.conf"
        config.write_text(
            text.replace("/tmp/rightrig-nginx", f"{folder}/nginx")  # noqa: S108 - replaced
            .replace(f"listen 127.0.0.1:{NGINX_PORT};", f"listen 127.0.0.1:{port};")
        )  # fmt: skip
        config.chmod(0o644)
        words = [_NGINX, "-c", str(config)]
        user, group = ("nobody", "nogroup") if os.geteuid() == 0 else (None, None)
        checked = subprocess.run(
            [*words, "-t"], capture_output=True, text=True, check=False, user=user, group=group
        )
        assert checked.returncode == 0, checked.stderr
        with subprocess.Popen(
            [*words, "-g", "daemon off;"], stderr=subprocess.DEVNULL, user=user, group=group
        ) as one:
            try:
                yield _ready(f"http://127.0.0.1:{port}", "/absent", one)
            finally:
                one.terminate()


@contextmanager
def litellm(text: str, folder: Path) -> Iterator[str]:
    """Yield the address of LiteLLM's proxy with a configuration."""
    if not LITELLM.exists():
        pytest.skip("LiteLLM is absent: make gateways")
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(text)
    words = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    # Its table of prices would come from the network.
    local = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": KEY}
    log = folder / "litellm.log"
    with (
        log.open("w") as told,
        subprocess.Popen(words, stdout=told, stderr=told, env={**os.environ, **local}) as one,
    ):
        try:
            yield _ready(f"http://127.0.0.1:{port}", "/health/liveliness", one)
        finally:
            one.terminate()


def _ready(url: str, path: str, process: subprocess.Popen[Any]) -> str:
    """Return an address when somebody answers there."""
    ends_s = time.monotonic() + _STARTS_S
    while time.monotonic() < ends_s:
        assert process.poll() is None, f"ended with {process.returncode}"
        try:
            with closing(_sent(url, "GET", path)) as link:
                link.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return url
    pytest.fail(f"not within {_STARTS_S:.0f} s: {url}")


def _sent(url: str, verb: str, path: str, body: object = None) -> http.client.HTTPConnection:
    """Return a connection on which a request was sent."""
    parts = urllib.parse.urlsplit(url)
    link = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30.0)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    link.request(verb, path, None if body is None else json.dumps(body), headers)
    return link


def got(url: str, path: str) -> int:
    """Return the status of a page."""
    with closing(_sent(url, "GET", path)) as link:
        return link.getresponse().status


def asked(url: str, prompt: str = "hello", **more: object) -> tuple[int, dict[str, Any]]:
    """Return status and JSON of a chat that is not streamed; what is no JSON as ``text``."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": prompt}], **more}
    with closing(_sent(url, "POST", "/v1/chat/completions", body)) as link:
        answer = link.getresponse()
        text = answer.read().decode()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, json.loads(text) if is_json else {"text": text}


@contextmanager
def streamed(url: str, **more: object) -> Iterator[http.client.HTTPResponse]:
    """Yield the answer to a chat that is streamed."""
    body = {"model": MODEL, "messages": PROMPT, "stream": True, **more}
    with closing(_sent(url, "POST", "/v1/chat/completions", body)) as link:
        yield link.getresponse()


def next_text(answer: http.client.HTTPResponse) -> str | None:
    """Return the next text of a stream, or ``None`` at its end."""
    while line := answer.readline():
        data = line.removeprefix(b"data: ").strip()
        if not line.startswith(b"data: ") or data == b"[DONE]":
            continue
        chunk = json.loads(data)
        if "error" in chunk:
            return None
        text = chunk["choices"][0]["delta"].get("content") if chunk["choices"] else None
        if text:
            return str(text)
    return None
