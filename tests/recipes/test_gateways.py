"""Gateways before one deployment: what their files say. tests/gateways starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from servings import serving

from golden import golden
from rightrig.demand.objective import Slo
from rightrig.recipes import patience
from rightrig.recipes.engines import llama_cpp, vllm
from rightrig.recipes.places import gateways
from rightrig.recipes.places.gateways import Address

if TYPE_CHECKING:
    from rightrig.recipes.serving import Serving

LLAMA = "meta-llama/Llama-3.1-8B"


def replicas(concurrency: int = 64, **use: Any) -> Serving:
    """Return two engines of two cards each."""
    choices: dict[str, Any] = {"tp": 2, "replicas": 2, "use": use}
    return serving(LLAMA, "4xh100-sxm", 8192, concurrency, runtime="vllm", **choices)


def addresses(on: str, rigs_count: int = 1, **choices: Any) -> tuple[Address, ...]:
    served = serving(LLAMA, on, runtime="vllm", use={"rigs_count": rigs_count}, **choices)
    return gateways.addresses_of(served, vllm.launch_of(served))


def test_the_files_are_those_that_a_person_read() -> None:
    served = replicas()
    for file in gateways.files(served, vllm.launch_of(served)):
        golden(file.path.replace("/", "-"), file.text)


def nginx_text(on: str, model: str = LLAMA, **choices: Any) -> str:
    served = serving(model, on, 8192, 64, runtime="vllm", **choices)
    (text,) = (
        f.text
        for f in gateways.files(served, vllm.launch_of(served))
        if f.path == "gateway/nginx.conf"
    )
    return text


def test_nginx_serves_its_machine_alone_on_a_port_that_no_engine_takes() -> None:
    assert f"listen 127.0.0.1:{gateways.NGINX_PORT};" in nginx_text("4xh100-sxm", replicas=4)
    many = serving(LLAMA, "16xh100-sxm", 8192, 64, runtime="llama.cpp", replicas=16)
    launch = llama_cpp.launch_of(many)
    ports = {one.port for one in gateways.addresses_of(many, launch)}
    assert len(ports) == 16
    assert not ports & {gateways.NGINX_PORT, gateways.LITELLM_PORT}
    about = gateways.files(many, launch)[0].about
    assert str(gateways.NGINX_PORT) in about


def test_a_gateway_has_connections_for_all_whom_it_admits() -> None:
    served = replicas(concurrency=20_000)
    text = gateways.nginx_file(
        served, vllm.launch_of(served), [Address("a", 1), Address("b", 1)]
    ).text
    admitted = int(text.partition("limit_conn admitted ")[2].partition(";")[0])
    assert admitted >= 20_000
    assert int(text.partition("worker_connections ")[2].partition(";")[0]) >= 2 * admitted


def test_a_model_that_sees_is_sent_more_than_its_tokens_weigh() -> None:
    seeing = nginx_text("2xh100-sxm", "gemma-3-12b", replicas=2)
    assert f"client_max_body_size {256 << 20};" in seeing
    assert "cannot be a prompt" not in seeing
    assert "cannot be a prompt" in nginx_text("2xh100-sxm", replicas=2)


def test_one_engine_needs_no_gateway() -> None:
    served = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    assert gateways.files(served, vllm.launch_of(served)) == ()


def test_engines_of_one_machine_take_one_port_after_another() -> None:
    assert addresses("4xh100-sxm", tp=1, replicas=4) == tuple(
        Address("127.0.0.1", port) for port in (8000, 8001, 8002, 8003)
    )


def test_engines_of_several_rigs_have_hosts_of_their_own() -> None:
    found = addresses("2xh100-sxm", rigs_count=3, tp=1, replicas=2)
    assert [(one.host, one.port) for one in found] == [
        (f"rig-{rig}", port) for rig in (1, 2, 3) for port in (8000, 8001)
    ]


def test_engines_of_a_rig_of_several_machines_are_on_all_of_them() -> None:
    found = addresses("2n:2xh100-sxm", tp=2, replicas=2)
    assert found == (Address("rig-1", 8000), Address("rig-2", 8000))


def test_of_an_engine_that_spans_machines_the_first_answers() -> None:
    model = "meta-llama/Llama-3.1-405B"
    served = serving(model, "2n:8xh200-sxm", runtime="vllm", tp=8, pp=2, use={"rigs_count": 2})
    found = gateways.addresses_of(served, vllm.launch_of(served))
    assert found == (Address("rig-1", 8000), Address("rig-2", 8000))


def test_every_engine_is_an_entry_of_the_same_name_for_litellm() -> None:
    served = replicas()
    hosts = [Address("rig-1", 8000), Address("rig-2", 8000)]
    found = yaml.safe_load(gateways.litellm_file(served, hosts).text)
    assert {entry["model_name"] for entry in found["model_list"]} == {LLAMA}
    bases = [entry["litellm_params"]["api_base"] for entry in found["model_list"]]
    assert bases == ["http://rig-1:8000/v1", "http://rig-2:8000/v1"]


@pytest.mark.parametrize("promised_s", [0.5, 2.0])
def test_as_many_wait_as_are_served_within_the_promised_time(promised_s: float) -> None:
    served = replicas(slo=Slo(ttft_p99_s=promised_s))
    assert served.prediction is not None
    rate_per_s = served.prediction.requests_per_s.low / 2
    waiting = patience.waiting_requests(served)
    assert waiting <= rate_per_s * promised_s < waiting + 1


def test_without_a_promise_as_many_wait_as_are_served() -> None:
    assert patience.waiting_requests(replicas(concurrency=64)) == 32


def test_the_longest_answer_is_a_context_of_output_at_the_slow_end() -> None:
    served = replicas()
    assert served.prediction is not None
    assert patience.answer_s(served) >= 8192 * served.prediction.tpot_s.high


def test_an_answer_that_is_promised_later_is_waited_for() -> None:
    assert patience.answer_s(replicas(slo=Slo(e2e_p99_s=1000.0))) >= 2000


def test_where_no_speed_is_predicted_ten_minutes_are_allowed() -> None:
    served = serving(LLAMA, "1xh100-sxm", runtime="lmdeploy")
    assert patience.answer_s(served) == patience.first_token_s(served) == 600


def test_larger_weights_may_load_longer() -> None:
    small = serving(LLAMA, "1xh100-sxm", runtime="vllm")
    large = serving("meta-llama/Llama-3.3-70B-Instruct", "4xh100-sxm", runtime="vllm")
    seconds = (large.fit.weights_bytes - small.fit.weights_bytes) / 2e8
    assert patience.loading_s(large) - patience.loading_s(small) == pytest.approx(seconds, abs=30)
