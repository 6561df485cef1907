"""Small servers that answer as inference engines do, and as broken ones do.

The pages are of our own making, with the names and the buckets that the engines use.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

VLLM_TTFT_S: Final = (0.001, 0.04, 0.06, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def histogram(
    name: str, labels: str, bounds_s: Sequence[float], observed_s: Sequence[float]
) -> str:
    """Return a histogram of what was observed, as prometheus-client writes it."""
    lines = [f"# HELP {name} A latency.", f"# TYPE {name} histogram"]
    for bound_s in (*bounds_s, float("inf")):
        count = sum(value_s <= bound_s for value_s in observed_s)
        shown = "+Inf" if bound_s == float("inf") else f"{bound_s}"
        lines.append(f'{name}_bucket{{{labels},le="{shown}"}} {float(count)}')
    lines.append(f"{name}_count{{{labels}}} {float(len(observed_s))}")
    lines.append(f"{name}_sum{{{labels}}} {float(sum(observed_s))}")
    return "\n".join(lines) + "\n"


def vllm(  # noqa: PLR0913 - one a metric that a test sets
    *,
    tokens: float = 17_729.0,
    ended: float = 1_084.0,
    running: float = 3.0,
    waiting: float = 1.0,
    kv_ratio: float = 0.25,
    ttft_s: Sequence[float] = (0.05, 0.09, 0.2),
    tpot_s: Sequence[float] = (0.008, 0.02),
    read_bytes: float = 0.0,
) -> str:
    """Return a page of a vLLM server."""
    labels = 'engine="0",model_name="tiny"'
    lines = [
        "# HELP python_info Python platform information.",
        "# TYPE python_info gauge",
        'python_info{version="3.12.1"} 1.0',
        "# HELP vllm:num_requests_running Number of requests in model execution batches.",
        "# TYPE vllm:num_requests_running gauge",
        f"vllm:num_requests_running{{{labels}}} {running}",
        f"vllm:num_requests_waiting{{{labels}}} {waiting}",
        f"vllm:kv_cache_usage_perc{{{labels}}} {kv_ratio}",
        f"vllm:num_preemptions_total{{{labels}}} 2.0",
        f"vllm:prompt_tokens_total{{{labels}}} 62860.0",
        f"vllm:generation_tokens_total{{{labels}}} {tokens}",
        f"vllm:generation_tokens_created{{{labels}}} 1.79e+09",
        f"vllm:prefix_cache_queries_total{{{labels}}} 62860.0",
        f"vllm:prefix_cache_hits_total{{{labels}}} 60.0",
        f"vllm:estimated_read_bytes_per_gpu_total{{{labels}}} {read_bytes}",
        f'vllm:request_success_total{{{labels},finished_reason="length"}} {ended}',
        f'vllm:request_success_total{{{labels},finished_reason="stop"}} 41.0',
        f'vllm:request_success_total{{{labels},finished_reason="error"}} 0.0',
        'vllm:admission_rejections_total{model_name="tiny",reason="max_num_queued_reqs"} 4.0',
    ]
    return (
        "\n".join(lines)
        + "\n"
        + histogram("vllm:time_to_first_token_seconds", labels, VLLM_TTFT_S, ttft_s)
        + histogram(
            "vllm:request_time_per_output_token_seconds", labels, (0.01, 0.025, 0.05), tpot_s
        )
        + histogram("vllm:inter_token_latency_seconds", labels, (0.01, 0.025, 0.05), tpot_s)
        + histogram("vllm:e2e_request_latency_seconds", labels, (0.3, 0.5, 1.0), (0.4,))
        + histogram("vllm:request_queue_time_seconds", labels, (0.3, 0.5), (0.01,))
    )


OLD_VLLM: Final = """\
vllm:num_requests_running{model_name="old"} 2.0
vllm:gpu_cache_usage_perc{model_name="old"} 0.5
vllm:generation_tokens_total{model_name="old"} 100.0
vllm:gpu_prefix_cache_queries_total{model_name="old"} 30.0
vllm:gpu_prefix_cache_hits_total{model_name="old"} 10.0
vllm:time_per_output_token_seconds_bucket{model_name="old",le="0.025"} 7.0
vllm:time_per_output_token_seconds_bucket{model_name="old",le="+Inf"} 8.0
vllm:time_per_output_token_seconds_count{model_name="old"} 8.0
vllm:time_per_output_token_seconds_sum{model_name="old"} 0.2
"""
SGLANG: Final = """\
sglang:num_running_reqs{model_name="q",tp_rank="0",pp_rank="0",priority=""} 5.0
sglang:num_running_reqs{model_name="q",tp_rank="0",pp_rank="0",priority="1"} 4.0
sglang:num_running_reqs{model_name="q",tp_rank="1",pp_rank="0",priority=""} 5.0
sglang:num_queue_reqs{model_name="q",tp_rank="0",pp_rank="0"} 7.0
sglang:token_usage{model_name="q",tp_rank="0",pp_rank="0"} 0.31
sglang:num_retracted_requests_total{model_name="q",tp_rank="0",pp_rank="0"} 3.0
sglang:estimated_read_bytes_per_gpu_total{model_name="q",tp_rank="0",pp_rank="0"} 1e12
sglang:prompt_tokens_total{model_name="q",is_streaming="True"} 900.0
sglang:prompt_tokens_total{model_name="q",is_streaming="False"} 100.0
sglang:generation_tokens_total{model_name="q",is_streaming="True"} 400.0
sglang:generation_tokens_total{model_name="q",is_streaming="False"} 50.0
sglang:cached_tokens_total{model_name="q",cache_source="device"} 120.0
sglang:num_requests_total{model_name="q",is_streaming="True"} 11.0
sglang:num_aborted_requests_total{model_name="q"} 2.0
sglang:time_to_first_token_seconds_bucket{model_name="q",is_streaming="True",le="0.1"} 4.0
sglang:time_to_first_token_seconds_bucket{model_name="q",is_streaming="True",le="+Inf"} 5.0
sglang:time_to_first_token_seconds_sum{model_name="q",is_streaming="True"} 0.7
sglang:time_to_first_token_seconds_bucket{model_name="q",is_streaming="False",le="0.1"} 1.0
sglang:time_to_first_token_seconds_bucket{model_name="q",is_streaming="False",le="+Inf"} 1.0
sglang:time_to_first_token_seconds_sum{model_name="q",is_streaming="False"} 0.05
sglang:queue_time_seconds_bucket{model_name="q",le="0.01"} 9.0
sglang:queue_time_seconds_bucket{model_name="q",le="+Inf"} 11.0
sglang:queue_time_seconds_sum{model_name="q"} 0.4
"""
LLAMA_CPP: Final = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 1234
llamacpp:prompt_seconds_total 4.5
llamacpp:tokens_predicted_total 5678
llamacpp:tokens_predicted_seconds_total 78.9
llamacpp:n_decode_total 5700
llamacpp:prompt_tokens_seconds 274.2
llamacpp:predicted_tokens_seconds 72
llamacpp:kv_cache_usage_ratio 0.125
llamacpp:requests_processing 2
llamacpp:requests_deferred 1
"""
TENSORRT_LLM: Final = """\
# TYPE trtllm_num_requests_running gauge
trtllm_num_requests_running{engine_type="trtllm",model_name="n"} 6.0
trtllm_num_requests_waiting{engine_type="trtllm",model_name="n"} 2.0
trtllm_kv_cache_utilization{engine_type="trtllm",model_name="n"} 0.62
trtllm_prompt_tokens_total{engine_type="trtllm",model_name="n"} 2000.0
trtllm_prompt_cached_tokens_total{engine_type="trtllm",model_name="n"} 500.0
trtllm_generation_tokens_total{engine_type="trtllm",model_name="n"} 3000.0
trtllm_request_success_total{engine_type="trtllm",finished_reason="stop",model_name="n"} 12.0
trtllm_request_error_total{engine_type="trtllm",model_name="n"} 1.0
trtllm_time_to_first_token_seconds_bucket{le="0.25",model_name="n"} 10.0
trtllm_time_to_first_token_seconds_bucket{le="+Inf",model_name="n"} 12.0
trtllm_time_to_first_token_seconds_sum{model_name="n"} 2.0
trtllm_time_per_output_token_seconds_bucket{le="0.025",model_name="n"} 12.0
trtllm_time_per_output_token_seconds_bucket{le="+Inf",model_name="n"} 12.0
trtllm_time_per_output_token_seconds_sum{model_name="n"} 0.2
"""
TENSORRT_ITERATIONS: Final = (
    '[{"iter": 7, "numActiveRequests": 1}, {"iter": 8, "numActiveRequests": 4, '
    '"numQueuedRequests": 3, "kvCacheStats": {"usedNumBlocks": 25, "maxNumBlocks": 100}}]'
)


@contextmanager
def served(pages: Mapping[str, Callable[[], str] | str]) -> Iterator[str]:
    """Yield the address of a server of pages by their paths; any other is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            text = page() if callable(page) else page or ""
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Yield the address of a server that does with each connection what a function says."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    is_over = threading.Event()

    def serve_all() -> None:
        while not is_over.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5.0)
                try:
                    connection.recv(65_536)
                    answer(connection)
                except OSError:
                    continue  # the client went away

    thread = threading.Thread(target=serve_all)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        is_over.set()
        thread.join()
        listener.close()
