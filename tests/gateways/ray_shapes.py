"""Run by the interpreter that has Ray: what its own schemas say of configurations.

They come as a JSON list on the input; a list of the same length goes out: empty, or what is wrong.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from typing import Any


def said(config: dict[str, Any]) -> str:
    """Return what is wrong with a configuration."""
    schema: Any = importlib.import_module("ray.serve.schema")
    llm: Any = importlib.import_module("ray.serve.llm")
    vllm: Any = importlib.import_module("vllm.engine.arg_utils")
    try:
        schema.ServeDeploySchema.model_validate(config)
        args = config["applications"][0]["args"]
        (found,) = args.get("llm_configs") or [args["llm_config"]]
        engine = llm.LLMConfig.model_validate(found).get_engine_config()
        # Types too: as Ray hands them to vLLM.
        vllm.AsyncEngineArgs(**engine.get_initialization_kwargs())
    except (ValueError, TypeError) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answers = [said(config) for config in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)
