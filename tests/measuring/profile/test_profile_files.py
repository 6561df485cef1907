"""Files of profilers: each kind is read as its maker documents it; hostile ones are refused."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from profile_traces import ATTENTION, GEMM, kernel, write

from rightrig.errors import InputError
from rightrig.measuring.profile import bounded
from rightrig.measuring.profile.account import Asked, account_of_totals, account_of_trace
from rightrig.measuring.profile.json_events import events_of
from rightrig.measuring.profile.kernels import kernel_class
from rightrig.measuring.profile.profile import Question, profile_of
from rightrig.measuring.profile.reading import read_profile
from rightrig.measuring.profile.trace import Counters, Totals, Trace
from rightrig.measuring.profile.verdict import verdict_of_counters
from rightrig.report.profile import profile_document
from rightrig.report.profile_json import profile_json

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parent / "data"
NSYS_TRACE = (
    "Start (ns),Duration (ns),CorrId,GrdX,GrdY,GrdZ,BlkX,BlkY,BlkZ,Reg/Trd,StcSMem (MB),"
    "DymSMem (MB),Bytes (MB),Throughput (MB/s),SrcMemKd,DstMemKd,Device,Ctx,GreenCtx,Strm,Name\n"
    '1000,250,1,8,1,1,128,1,1,32,0.0,0.0,,,,,NVIDIA H100 (0),1,,7,"void f<int, (int)2>(T1 *)"\n'
    "1500,500,2,,,,,,,,,,4.194,6337.593,Pinned,Device,NVIDIA H100 (0),1,,7,"
    "[CUDA memcpy Host-to-Device]\n"
)
NSYS_SUM = (
    "Time (%),Total Time (ns),Instances,Avg (ns),Med (ns),Min (ns),Max (ns),StdDev (ns),Name\n"
    f"60.0,6000000,64,93750.0,1,1,1,0.0,{GEMM}\n"
    '40.0,4000000,64,62500.0,1,1,1,0.0,"void flash_fwd_splitkv_kernel<T1, (bool)1>(T1)"\n'
)
NOTICES = "\nNOTICE: Existing SQLite export found: step.sqlite\n\nProcessing [step.sqlite]... \n"
ROCPROF = (
    '"Kind","Agent_Id","Queue_Id","Stream_Id","Thread_Id","Dispatch_Id","Kernel_Id",'
    '"Kernel_Name","Correlation_Id","Start_Timestamp","End_Timestamp","LDS_Block_Size"\n'
    '"KERNEL_DISPATCH","Agent 4",1,1,8528,1,10,"Cijk_Alik_Bljk_BBS(float*, int)",1,1000,4000,0\n'
    '"KERNEL_DISPATCH","Agent 4",1,1,8528,2,11,"rms_norm_f32<256>",2,5000,6000,0\n'
)
NCU = (
    "==PROF== Connected to process 7\n"
    '"ID","Process ID","Process Name","Host Name","Kernel Name","Context","Stream","Block Size",'
    '"Grid Size","Device","CC","Section Name","Metric Name","Metric Unit","Metric Value"\n'
)


def ncu_rows(launch: int, name: str, metrics: dict[str, tuple[str, str]]) -> str:
    head = f'"{launch}","7","p","h","{name}","1","7","(1, 1, 1)","(1, 1, 1)","0","9.0","x"'
    return "".join(f'{head},"{metric}","{u}","{v}"\n' for metric, (u, v) in metrics.items())


def shares(time_us: str, memory: str, compute: str) -> dict[str, tuple[str, str]]:
    return {
        "gpu__time_duration.sum": ("us", time_us),
        "dram__throughput.avg.pct_of_peak_sustained_elapsed": ("%", memory),
        "sm__throughput.avg.pct_of_peak_sustained_elapsed": ("%", compute),
    }


def put(folder: Path, text: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_trace_of_nsight_systems_is_a_timeline(tmp_path: Path) -> None:
    found = read_profile(put(tmp_path, NOTICES + NSYS_TRACE))
    assert isinstance(found, Trace)
    assert found.names == ("void f<int, (int)2>(T1 *)", "[CUDA memcpy Host-to-Device]")
    assert found.starts_s.tolist() == pytest.approx([0.0, 5e-7])
    assert found.durations_s.tolist() == pytest.approx([2.5e-7, 5e-7])


def test_of_two_reports_in_one_file_the_timeline_counts(tmp_path: Path) -> None:
    found = read_profile(put(tmp_path, f"{NOTICES}{NSYS_SUM}\n{NOTICES}{NSYS_TRACE}"))
    assert isinstance(found, Trace)
    assert found.kernels_count == 2


def test_other_units_of_nsight_systems_are_read(tmp_path: Path) -> None:
    text = NSYS_TRACE.replace("(ns)", "(us)")
    found = read_profile(put(tmp_path, text))
    assert isinstance(found, Trace)
    assert found.durations_s.tolist() == pytest.approx([250e-6, 500e-6])


def test_sums_of_nsight_systems_are_divided_by_the_layers_of_the_model(tmp_path: Path) -> None:
    found = read_profile(put(tmp_path, NSYS_SUM))
    assert isinstance(found, Totals)
    known = account_of_totals(found, Asked(layers_count=32))
    assert (known.how, known.steps_count) == ("counts", 2)
    assert known.kernels_s == pytest.approx(5e-3)
    assert known.timeline is None
    unknown = account_of_totals(found, Asked())
    assert unknown.how == "none"
    assert unknown.kernels_s == pytest.approx(10e-3)
    assert account_of_totals(found, Asked(steps_count=4)).kernels_s == pytest.approx(2.5e-3)


def test_a_trace_of_rocprof_is_a_timeline(tmp_path: Path) -> None:
    found = read_profile(put(tmp_path, ROCPROF))
    assert isinstance(found, Trace)
    account = account_of_trace(found, Asked())
    times = {spent.name: spent.time_s for spent in account.spent}
    assert times == pytest.approx({"matrix products": 3e-6, "norms and activations": 1e-6})
    assert account.timeline is not None
    assert account.timeline.idle_s == pytest.approx(1e-6)


def test_a_table_of_ones_own_needs_names_and_durations_with_a_unit(tmp_path: Path) -> None:
    found = read_profile(put(tmp_path, "name,duration_us,count\nnvjet_x,30,2\nnvjet_x,10,1\n"))
    assert found == Totals(("nvjet_x",), (pytest.approx(40e-6),), (3,))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="duration_us"):
        read_profile(put(tmp_path, "name,duration,count\nnvjet_x,30,2\n"))


def test_counters_say_what_kernels_wait_for(tmp_path: Path) -> None:
    text = (
        NCU
        + ncu_rows(0, "nvjet_a", shares("100.0", "85.0", "30.0"))
        + ncu_rows(1, "nvjet_a", shares("300.0", "95.0", "30.0"))
        + ncu_rows(2, "flash_fwd", shares("1,000.0", "20.0", "81.0"))
        + ncu_rows(3, "tiny", shares("50.0", "2.0", "1.0"))
        + ncu_rows(4, "broken", shares("n/a", "2.0", "1.0"))
        + ncu_rows(5, "strange", shares("nan", "2.0", "1.0"))
        + ncu_rows(6, "endless", shares("1e999", "2.0", "1.0"))
        + ncu_rows(7, "negative", shares("-4.0", "2.0", "1.0"))
        + ncu_rows(8, "nothing", shares("0.0", "2.0", "1.0"))
    )
    found = read_profile(put(tmp_path, text))
    assert isinstance(found, Counters)
    assert found.totals.names == ("nvjet_a", "flash_fwd", "tiny")
    assert found.memory_ratio[0] == pytest.approx((0.85 * 100 + 0.95 * 300) / 400)
    verdict = verdict_of_counters(found)
    assert verdict.bound_by == "compute"
    assert verdict.shares_ratio == pytest.approx(
        {"memory bandwidth": 400 / 1450, "compute": 1000 / 1450, "latency": 50 / 1450}
    )


def test_a_real_trace_of_an_amd_card_is_read_whole() -> None:
    """Sums and times by a plain look at its JSON."""
    path = DATA / "mi250_train_kineto.json.gz"
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    ran = [e for e in events if e.get("cat") in {"kernel", "gpu_memcpy", "gpu_memset"}]
    found = read_profile(path)
    assert isinstance(found, Trace)
    assert found.kernels_count == len(ran) == 16
    assert found.durations_s.sum() == pytest.approx(sum(e["dur"] for e in ran) * 1e-6)
    account = account_of_trace(found, Asked())
    assert (account.how, account.steps_count) == ("annotations", 1)
    names = {spent.name: spent.calls_count for spent in account.spent}
    assert names == {"norms and activations": 9.0, "copies": 5.0, "matrix products": 2.0}


def test_real_kernels_of_vllm_on_an_a100_have_their_operators() -> None:
    """Kernels of vLLM 0.15 under Nsight Systems: no rule misses any of the thirty longest."""
    found = read_profile(DATA / "vllm_a100_kernels.csv")
    assert isinstance(found, Totals)
    account = account_of_totals(found, Asked())
    assert account.unassigned == ()
    by_name = {spent.name: spent.calls_count for spent in account.spent}
    assert by_name["attention decode"] == 1876 * 2  # split over the context, and joined
    assert by_name["attention"] == 896
    assert {"matrix products", "norms and activations", "sampling", "copies"} <= set(by_name)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "spaces": (b" \n" * 99, "it is empty"),
    "binary": (b"\x7fELF\0\0\0", "it is binary"),
    "database": (b"SQLite format 3\0", "nsys stats"),
    "zip": (b"PK\x03\x04", "zip archive"),
    "deep": (b'{"traceEvents": [' + b"[" * 100_000, "nested too deeply"),
    "deep before": (b'{"a": ' + b'{"a":' * 100_000, "nested too deeply"),
    "huge number": (b'{"traceEvents": [{"ts": ' + b"9" * 5000 + b"}]}", "5,000 digits"),
    "not a number": (b'{"traceEvents": [{"ts": NaN}]}', "NaN is no number"),
    "cut": (b'{"traceEvents": [{"ph": "X", "na', "cut off"),
    "no events": (b'{"a": 1, "b": [2]}', "without a list of traceEvents"),
    "no list": (b'{"traceEvents": 3}', "no list"),
    "no kernels": (b'{"traceEvents": [{"ph": "M"}]}', "without a kernel"),
    "words": (b"hello, world\nand more\n", "no table of kernels"),
    "no number": (b"name,duration_us\nk,abc\n", "line 2 has no number"),
    "endless": (b"name,duration_us\nk,1e999\n", "line 2 has no number"),
    "endless calls": (b"name,duration_us,count\nk,4,1e999\n", "line 2 has no number"),
    "no cell": (b"name,duration_us,count\nk,4\n", "line 2 has no number"),
    "no counters": (f"{NCU}{ncu_rows(0, 'k', shares('0', '2', '1'))}".encode(), "have no times"),
    "negative": (b"name,duration_us\nk,-4\n", "line 2 has no number"),
    "long line": (b"x" * (3 * 2**20), "longer than 1 MiB"),
    "quote": (b'name,duration_us\n"' + b"y\n" * 200_000, "no CSV"),
    "damaged gzip": (gzip.compress(b"[]" * 999)[:-12] + b"\xff" * 12, "gzip data are damaged"),
    "cut gzip": (gzip.compress(b'{"traceEvents": [' + b" " * 99_999)[:60], "cut off"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[name]
    with pytest.raises(InputError, match="is no profile: ") as caught:
        read_profile(put(tmp_path, content, "bad.json"))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "name,duration_us\nk,0\n",
        "name,start_us,duration_us\nk,7,0\n",
        '[{"ph": "X", "cat": "kernel", "name": "k", "ts": 1, "dur": 0}]',
    ],
)
def test_a_file_whose_kernels_take_no_time_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no profile: its kernels take no time"):
        profile_of(Question(put(tmp_path, text)))


def test_events_that_make_no_sense_are_left_out_and_counted(tmp_path: Path) -> None:
    events: list[Any] = [
        kernel(GEMM, 0.0, 5.0), kernel(GEMM, 10.0, -3.0), kernel(GEMM, 1e300, 5.0),
        kernel(GEMM, 10.0, 10**90), dict(kernel(GEMM, 20.0, 1.0), ts="soon"),
        dict(kernel(GEMM, 20.0, 1.0), name=None), dict(kernel(ATTENTION, 30.0, 1.0), args=[1]), 7,
    ]  # fmt: skip
    found = read_profile(write(tmp_path / "t.json", events))
    assert isinstance(found, Trace)
    assert (found.kernels_count, found.left_out_count) == (2, 5)


def test_a_list_of_events_without_its_end_is_read(tmp_path: Path) -> None:
    text = "[\n" + ",\n".join(json.dumps(kernel(GEMM, 9.0 * n, 5.0)) for n in range(3)) + ",\n"
    found = read_profile(put(tmp_path, text, "t.json"))
    assert isinstance(found, Trace)
    assert found.kernels_count == 3


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(bounded, "MOST_TEXT_BYTES", 20 * 2**20)
    path = put(tmp_path, gzip.compress(b'{"traceEvents": [' + b" " * (64 * 2**20)), "bomb.gz")
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="unpacks to more than 20 MiB"):
        read_profile(path)


def test_a_million_events_are_read_in_seconds_and_little_memory(tmp_path: Path) -> None:
    one = json.dumps(kernel(GEMM, 0.0, 5.0)).replace('"ts": 0.0', '"ts": %d.25')
    path = tmp_path / "million.json.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write('{"traceEvents": [')
        file.write(",".join(one % (10 * n) for n in range(1_000_000)))
        file.write("]}")
    begin = time.process_time()
    found = read_profile(path)
    spent_s = time.process_time() - begin
    assert isinstance(found, Trace)
    assert found.kernels_count == 1_000_000
    account = account_of_trace(found, Asked())
    assert account.timeline is not None
    assert account.timeline.busy_s == pytest.approx(5.0)
    assert account.timeline.idle_s == pytest.approx(5.0, rel=1e-5)
    assert spent_s < 40.0  # about 6 on one core
    del found, account
    tracemalloc.start()  # which is slow: of the events a part, whose text has 50 MB
    for event in islice(events_of(bounded.pieces_of(path), path), 300_000):
        assert event
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


EVENT = st.fixed_dictionaries(
    {},
    optional={
        "ph": st.sampled_from(["X", "B", "M"]),
        "cat": st.sampled_from(["kernel", "cpu_op", "user_annotation", "cuda_runtime", "?"]),
        "name": st.one_of(st.text(max_size=9), st.integers()),
        "ts": st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.none()),
        "dur": st.one_of(st.floats(0, 99), st.text(max_size=3)),
        "args": st.dictionaries(
            st.sampled_from(["device", "stream", "correlation"]),
            st.one_of(st.integers(), st.text(max_size=3), st.none()),
        ),
    },
)


TINY: Final = {"ph": "X", "cat": "kernel", "name": "k", "ts": 0.0, "dur": 5e-300}
"""A kernel whose time times that of its step is zero in a float."""


@example([TINY])
@given(st.lists(EVENT, max_size=12))
def test_any_events_are_a_profile_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, events: list[Any]
) -> None:
    path = write(tmp_path_factory.mktemp("any") / "t.json", events)
    try:
        found = profile_of(Question(path))
    except InputError:
        return
    assert found.account is not None
    assert found.account.step_s > 0.0
    json.dumps(profile_json(found), allow_nan=False)
    assert profile_document(found)


READERS: tuple[Callable[[str], str], ...] = (lambda t: t, lambda t: t.replace("\n", "\r\n"))


@pytest.mark.parametrize("ends", READERS, ids=["unix", "windows"])
def test_lines_may_end_as_windows_ends_them(ends: Callable[[str], str], tmp_path: Path) -> None:
    found = read_profile(put(tmp_path, "\ufeff" + ends(NSYS_SUM)))
    assert isinstance(found, Totals)
    assert found.calls == (64, 64)


def test_a_report_of_nsight_systems_made_a_chrome_trace_is_read(tmp_path: Path) -> None:
    """As converters write it: category ``cuda``, places as texts, ranges of NVTX beside."""
    events: list[Any] = []
    for step in range(3):
        at_us = 100.0 * step
        events.append({"ph": "X", "cat": "nvtx", "name": f"decode {step}", "ts": at_us, "dur": 90.0,
                       "pid": "Device 0", "tid": "NVTX Thread 5"})  # fmt: skip
        events += [
            {"ph": "X", "cat": "cuda", "name": name, "ts": at_us + place, "dur": 20.0,
             "pid": "Device 0", "tid": "Stream 7", "args": {"Grid": "[1, 1, 1]"}}
            for name, place in ((GEMM, 1.0), (ATTENTION, 30.0))
        ]  # fmt: skip
    found = read_profile(write(tmp_path / "nsys.json", events))
    assert isinstance(found, Trace)
    account = account_of_trace(found, Asked())
    assert (account.how, account.steps_count) == ("annotations", 3)
    assert account.kernels_s == pytest.approx(40e-6)


KNOWN_NAMES = {
    "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)": "all-reduce",
    "void vllm::cross_device_reduce_1stage<__nv_bfloat16, 2>(vllm::RankData*)": "all-reduce",
    "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)": "all-gather",
    "ncclDevKernel_SendRecv(ncclDevKernelArgsStorage<4096ul>)": "send",
    "void deep_ep::internode_ll::dispatch<false, 3, 10, 7168>(void*)": "all-to-all",
    "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize64x64x64_cublas": "matrix product",
    "void marlin::Marlin<256, 1, 8, 8, 4, 8>(int4 const*)": "matrix product",
    "void mul_mat_vec_q<(ggml_type)12, 1, false>(void const*)": "matrix product",
    "void mul_mat_q<(ggml_type)12, 128, 8, false>(char const*)": "matrix product",
    "void mul_mat_q_stream_k_fixup<(ggml_type)8, 16, false>(int const*)": "product tail",
    "void quantize_q8_1<float>(float const*, void*)": "quantise",
    "void flash_attn_ext_f16<128, 128, 16, 8>(char const*)": "attention",
    "void flash_attn_ext_vec<128, 1, 30, 30>(char const*)": "attention decode",
    "void rms_norm_f32<1024, true>(float const*)": "norm",
    "void rope_neox<true, false, float>(float const*)": "rope",
    "void k_get_rows_float<float, float>(float const*)": "embedding",
    "void unary_gated_op_kernel<&op_silu, float>(float const*)": "activation",
    "fmhaSm100aKernel_QkvE4m3OBfloat16H128PagedKvCausalP32VarSeqQ128Kv128Context":
        "attention prefill",
    "fmhaSm100fKernel_QkvBfloat16H128PagedKvDenseP16VarSeqQ8Kv128ForGen": "attention decode",
    "void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<T>>>": "attention",
    "void cutlass::device_kernel<flash::FlashAttnFwdCombine<T>>": "attention decode",
    "BatchDecodeWithPagedKVCacheDevice": "attention decode",
    "kernel_unified_attention_3d": "attention decode",
    "void vllm::reshape_and_cache_flash_kernel<__nv_bfloat16>(void*)": "cache write",
    "triton_poi_fused_mul_silu_slice_1": "activation",
    "triton_per_fused__to_copy_add_mean_mul_pow_rsqrt_2": "norm",
    "triton_poi_fused_4": "elementwise",
    "void flashinfer::norm::RMSNormKernel<8u, __nv_bfloat16>": "norm",
    "void flashinfer::sampling::TopKTopPSamplingFromProbKernel<1024>": "sampling",
    "fused_moe_kernel": "experts",
    "bmm_Bfloat16_Bfloat16Bfloat16_Fp32_t128x8x128u2_s6": "experts",
    "void vllm::moe::topkGatingSoftmax<8, 256>(float const*)": "router",
    "_causal_conv1d_update_kernel": "recurrent",
    "Memcpy HtoD (Pinned -> Device)": "copy",
    "[CUDA memset]": "copy",
    "void per_token_group_quant_8bit_kernel<__nv_bfloat16>": "quantise",
    "somebodys_own": "unassigned",
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_names_of_engines_and_libraries_are_known(name: str) -> None:
    assert kernel_class(name) == KNOWN_NAMES[name]
