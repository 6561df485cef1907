"""Gateways: what LiteLLM and nginx are told is what the routing table says."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rightrig.planning.routing import Route, RoutingTable, Target
from rightrig.recipes.gateway import at_most_pattern, litellm_config, nginx_config

if TYPE_CHECKING:
    from pathlib import Path

TABLE: Final = RoutingTable(
    (
        Route("chat", "Qwen/Qwen3-8B", 40960, 0, 1000, (Target("chat-1-1xrtx-4090", 6, 1.0),)),
        Route(
            "chat", "Qwen/Qwen3-8B", 40960, 1000, None,
            (Target("chat-2-1xl40s", 3, 0.25), Target("chat-2-1xh100-sxm", 1, 0.75)),
        ),
        Route("big", "llama-3.3-70b", 131072, 0, None, (Target("big-2xh100-sxm", 2, 1.0),)),
    )
)  # fmt: skip
TEMPORARY: Final = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""Folders that nginx makes where its package was built for, unless it is told otherwise."""
ONE_SIZE: Final = RoutingTable(TABLE.of("big"))


def test_every_prompt_has_exactly_one_route() -> None:
    for tokens in (1, 999, 1000, 1001, 10**6):
        assert sum(route.takes(tokens) for route in TABLE.of("chat")) == 1
    assert TABLE.route_of("chat", 1000).high_tokens == 1000
    assert TABLE.route_of("chat", 1001).low_tokens == 1000
    with pytest.raises(KeyError):
        TABLE.route_of("nobody", 5)


def litellm(table: RoutingTable) -> Any:
    return yaml.safe_load(litellm_config(table))


def test_litellm_has_an_entry_a_pool_with_its_weight_and_address() -> None:
    entries = litellm(TABLE)["model_list"]
    assert [(e["model_name"], e["litellm_params"]["weight"]) for e in entries] == [
        ("chat", 100), ("chat-2", 25), ("chat-2", 75), ("big", 100),
    ]  # fmt: skip
    assert entries[0]["litellm_params"]["model"] == "openai/Qwen/Qwen3-8B"
    assert entries[0]["litellm_params"]["api_base"] == "http://chat-1-1xrtx-4090:8000/v1"


def test_neither_gateway_serves_strangers() -> None:
    assert litellm(TABLE)["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"
    assert "--host 127.0.0.1" in litellm_config(TABLE)
    assert "listen 127.0.0.1:8080;" in nginx_config(TABLE)


def test_litellm_hands_long_prompts_to_the_next_size() -> None:
    config = litellm(TABLE)
    # Every entry has a limit: LiteLLM gives one without it that of another with the same model.
    limits = [entry["model_info"]["max_input_tokens"] for entry in config["model_list"]]
    assert limits == [1000, 40960, 40960, 131072]
    router = config["router_settings"]
    assert router["enable_pre_call_checks"] is True
    assert router["context_window_fallbacks"] == [{"chat": ["chat-2"]}]
    assert router["routing_strategy"] == "simple-shuffle"


def test_litellm_checks_no_sizes_where_there_is_one() -> None:
    assert litellm(ONE_SIZE)["router_settings"] == {"routing_strategy": "simple-shuffle"}


def test_nginx_has_an_upstream_a_size_with_the_weights_of_its_pools() -> None:
    text = nginx_config(TABLE)
    upstreams = dict(re.findall(r"upstream (\S+) \{(.*?)\n    \}", text, re.DOTALL))
    assert set(upstreams) == {"chat", "chat-2", "big"}
    servers = re.findall(r"server (\S+):8000 weight=(\d+);", upstreams["chat-2"])
    assert servers == [("chat-2-1xl40s", "25"), ("chat-2-1xh100-sxm", "75")]


def test_nginx_says_that_it_does_not_see_the_size_itself() -> None:
    assert "X-Prompt-Tokens" in nginx_config(TABLE)
    assert "does not read the body" in nginx_config(TABLE)
    assert "prompt_tokens" not in nginx_config(ONE_SIZE)


def test_nginx_without_a_header_takes_the_pools_of_the_longest_prompts() -> None:
    mapped = re.search(r"map \$http_x_prompt_tokens \S+ \{\s+default (\S+);", nginx_config(TABLE))
    assert mapped is not None
    assert mapped[1] == "chat-2"


@pytest.mark.parametrize("table", [TABLE, ONE_SIZE])
def test_nginx_has_balanced_braces_and_ended_lines(table: RoutingTable) -> None:
    lines = [re.sub(r"\s*#.*", "", line) for line in nginx_config(table).splitlines()]
    code = [line.strip() for line in lines if line.strip()]
    assert all(line.endswith((";", "{", "}")) for line in code)
    unquoted = re.sub(r'"[^"]*"', "", "\n".join(code))
    assert unquoted.count("{") == unquoted.count("}") > 3


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize("table", [TABLE, ONE_SIZE])
def test_nginx_accepts_the_configuration(table: RoutingTable, tmp_path: Path) -> None:
    # Names of pools resolve in a cluster; here they are this machine.
    text = re.sub(r"server \S+:8000", "server 127.0.0.1:8000", nginx_config(table))
    file = tmp_path / "nginx.conf"
    own = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in TEMPORARY)
    text = text.replace("http {", f"http {{ access_log off; {own}", 1)
    file.write_text(f"pid {tmp_path}/pid; error_log stderr;\n{text}", encoding="utf-8")
    done = subprocess.run(
        [str(shutil.which("nginx")), "-t", "-q", "-p", str(tmp_path), "-c", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@given(st.integers(1, 10_000), st.integers(0, 20_000))
def test_the_pattern_takes_the_numbers_up_to_its_limit(limit: int, number: int) -> None:
    assert bool(re.fullmatch(at_most_pattern(limit), str(number))) == (number <= limit)


@pytest.mark.parametrize("limit", [1, 9, 10, 99, 100, 1024, 4096])
def test_the_pattern_is_right_at_its_border(limit: int) -> None:
    for number in range(max(0, limit - 120), limit + 120):
        assert bool(re.fullmatch(at_most_pattern(limit), str(number))) == (number <= limit)
