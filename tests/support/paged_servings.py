"""Deployments that vLLM and SGLang both serve, one of each kind; for golden files."""

from __future__ import annotations

from typing import Any, Final

from rightrig.recipes.serving import Speculation

SMALL: Final = "meta-llama/Llama-3.1-8B-Instruct"
LARGE: Final = "meta-llama/Llama-3.3-70B-Instruct"
EXPERTS: Final = "Qwen/Qwen3-235B-A22B-FP8"
LATENT: Final = "deepseek-ai/DeepSeek-R1"
DRAFT: Final = "meta-llama/Llama-3.2-1B-Instruct"

SERVINGS: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "one-card": (SMALL, "1xh100-sxm", {}),
    "four-cards": (LARGE, "4xh100-sxm", {}),
    "fp8-made": (LARGE, "2xh100-sxm", {"weights": "fp8", "kv": "fp8"}),
    "experts": (EXPERTS, "8xh100-sxm", {"tp": 2, "attention_dp": 4}),
    "latent": (LATENT, "8xh200-sxm", {"kv": "fp8"}),
    "two-machines": (LATENT, "2n:8xh100-sxm", {}),
    "adapters": (SMALL, "1xl40s", {"loras": 4, "lora_rank": 16}),
    "drafts": (
        LARGE,
        "4xh100-sxm",
        {"draft": DRAFT, "use": {"speculation": Speculation(5, "draft", DRAFT)}},
    ),
}
