"""Small programs that ask an engine's own parser, run where the engine is installed.

Each is given to that environment's Python by ``-c``. It reads commands from its input, a JSON list
of lists of words, and prints after ``MARK`` its version and a refusal for each, empty where a
command is taken. No card is needed: without one the platform is said to be CUDA, and compiled
modules, which a parser never calls, are left empty.

vLLM 0.33.0: ``make_arg_parser`` of ``vllm/entrypoints/common/cli_args.py`` (the subparser
``serve``), ``AsyncEngineArgs.from_cli_args``, ``CacheConfig``, ``ParallelConfig``,
``SpeculativeConfig``, ``QUANTIZATION_METHODS``. SGLang 0.5.23: ``prepare_server_args`` of
``sglang/srt/server_args.py``, and of ``resolve_once`` and ``check_server_args`` what needs no
model.
"""

from __future__ import annotations

from typing import Final

MARK: Final = "rightrig-answers "
"""Before the answers in what a driver prints; engines print lines of their own."""

_LOOP: Final = f"""
import contextlib, io, json
from importlib.metadata import version
def refusal(words):
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            parse(words)
    except SystemExit:
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        wrong = [line.split("error: ", 1)[1] for line in lines if "error: " in line]
        return (wrong or lines or ["it asks for help and leaves"])[-1]
    except Exception as error:
        return " ".join(str(error).split())[:300] or type(error).__name__
    return ""
refusals = [refusal(words) for words in json.load(sys.stdin)]
print({MARK!r} + json.dumps({{"version": version(engine), "refusals": refusals}}))
"""

_VLLM_PARSER: Final = """
engine = "vllm"
import sys, types
import vllm.platforms as platforms
if not platforms.current_platform.device_type:
    for name in ("vllm._C", "vllm._C_stable_libtorch"):
        sys.modules[name] = types.ModuleType(name)
    from vllm.platforms.cuda import CudaPlatform
    platforms._current_platform = CudaPlatform()
from vllm.entrypoints.common.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser
whole = FlexibleArgumentParser(prog="vllm")
parser = make_arg_parser(whole.add_subparsers(dest="subparser").add_parser("serve"))
"""

_VLLM_WORDS: Final = """
import dataclasses
from vllm.config import CacheConfig, ParallelConfig, SpeculativeConfig
from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.common.cli_args import validate_parsed_serve_args
from vllm.model_executor.layers.quantization import QUANTIZATION_METHODS
platforms.current_platform.__class__.device_count = classmethod(lambda cls: 1024)
def checked(config, options):
    names = {field.name for field in dataclasses.fields(config) if field.init}
    given = {name: getattr(options, name, None) for name in names}
    config(**{name: value for name, value in given.items() if value is not None})
def parse(words):
    found = whole.parse_args(["serve", *words])
    found.model = found.model_tag or found.model
    validate_parsed_serve_args(found)
    options = AsyncEngineArgs.from_cli_args(found)
    checked(ParallelConfig, options)
    CacheConfig(cache_dtype=options.kv_cache_dtype,
                gpu_memory_utilization=options.gpu_memory_utilization)
    if options.quantization not in (None, *QUANTIZATION_METHODS):
        raise ValueError(f"--quantization: no method {options.quantization}")
    known = {field.name for field in dataclasses.fields(SpeculativeConfig)}
    for key in options.speculative_config or {}:
        if key not in known:
            raise ValueError(f"--speculative-config: no key {key}")
"""

_SGLANG_PARSER: Final = """
engine = "sglang"
import argparse, sys
from sglang.srt.server_args import ServerArgs, prepare_server_args
parser = argparse.ArgumentParser(prog="sglang serve")
ServerArgs.add_cli_args(parser)
"""

_SGLANG_WORDS: Final = """
from unittest.mock import MagicMock
for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    try:
        __import__(name)
    except ImportError:
        sys.modules[name] = MagicMock()
def parse(words):
    found = prepare_server_args(words)
    found.served_model_name = found.served_model_name or found.model_path
    found.page_size = found.page_size or 1
    found.chunked_prefill_size = found.chunked_prefill_size or -1
    found.model_path = "dummy"
    found.device = "cuda"
    found.resolve_once()
    found.check_server_args()
"""
"""With no model at hand, what SGLang would read from it is filled in; its checks then run."""

PARSERS: Final = {"vllm": _VLLM_PARSER, "sglang": _SGLANG_PARSER}
"""Engine → the lines that make ``parser``, the one of its server."""
DRIVERS: Final = {
    "vllm": _VLLM_PARSER + _VLLM_WORDS + _LOOP, "sglang": _SGLANG_PARSER + _SGLANG_WORDS + _LOOP,
}  # fmt: skip
"""Engine → the whole program."""
