"""Published runs: where their tables lie, and one plain row to vary."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
RUN_ROW: Final = {
    "source": "github:example/runs@1a2b3c4", "date": "2026-05-01", "version": "vLLM 0.20.0",
    "gpu": "h100-sxm-80gb", "gpu_count": "1", "tp": "1", "pp": "1", "model": "Llama-3.1-8B",
    "weight_dtype": "bf16", "kv_dtype": "auto", "runtime": "vLLM", "isl": "1024", "osl": "256",
    "concurrency_or_batch": "8", "metric": "output_tok_s_total", "value": "900",
}  # fmt: skip
