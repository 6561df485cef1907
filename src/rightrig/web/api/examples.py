"""One small question a verb, for the description of the API; a test asks each."""

from __future__ import annotations

from typing import Any, Final

_FLEET: Final = """[limits]
budget = "$3000/month"
[[demand]]
name = "chat"
model = "qwen3-8b"
rate = "12/s"
input = 1000
output = 300
"""
_CRITERIA: Final = """[[criteria]]
name = "cost"
weight_ratio = 0.6
better = "less"
[[criteria]]
name = "ease"
weight_ratio = 0.4
[[options]]
name = "one"
values = { cost = 5, ease = 5 }
[[options]]
name = "two"
values = { cost = 7, ease = 2 }
"""
_8B: Final = "llama-3.1-8b"
_QWEN: Final = "qwen3-8b"
_ONE_CARD: Final = {"model": _8B, "on": "1xrtx-4090"}
_BY_TEXT: Final[dict[str, dict[str, Any]]] = {
    "fit": {"model": "llama-3.3-70b", "on": "2xh100-sxm", "context": 32768, "concurrency": 8},
    "fits": {"on": "4xrtx-4090", "context": 16384},
    "predict": {"model": _8B, "on": ["1xrtx-4090"], "concurrency": "16"},
    "simulate": {**_ONE_CARD, "rate": "2/s", "requests": 1000, "ttft_p99": "1s"},
    "plan": {"model": _QWEN, "rate": "9/s", "e2e_p95": "20s", "gpu": "l4", "top": 3},
    "recipe": {"model": _8B, "on": "1xh100-sxm", "concurrency": 16},
    "finetune": {"model": "llama-3.2-1b", "on": "2xl40s", "tokens": "1M"},
    "fleet": {"file": {"name": "fleet.toml", "text": _FLEET}},
    "tenants": {"model": "llama-2-7b", "weights": "awq", "on": "h100-sxm"},
    "compare": {"rigs": ["rtx-4090", "h100-sxm"]},
    "accuracy": {},
    "audit": {"claimed": "98 tok/s", "by": 'decode_roof("llama-2-70b", "h100-sxm", "awq")'},
    "cost rent": {"rig": "8xa100-sxm-80gb", "spot": True},
    "cost own": {"rig": "2xrtx-4090", "against": "1xl4"},
    "cost energy": {"rig": "4xrtx-4090", "against": "2xa100-sxm-80gb"},
    "cost tokens": {"model": _8B, "on": "1xl40s"},
    "cost break-even": _ONE_CARD,
    "cost compare": {"model": _QWEN, "sides": ["1xl40s", "own:1xl4"], "use": "50%"},
    "cost power": {"model": _8B, "on": "1xh100-sxm", "caps": True},
    "cost electrical": {"rig": "8xrtx-4090", "circuit": "120v:15a"},
    "risk bits": {"rig": "8xrtx-4090", "requests_per_day": "1M", "sla": "99.99%"},
    "risk run": {"gpus": 64, "days_count": 3, "mtbf": "9d", "save_time": "9s"},
    "risk checkpoint": {"mtbf": "3h", "save_time": "9s"},
    "risk serve": {"replicas": 4, "mtbf": "9d", "mttr": "4h", "target": "99%"},
    "risk spares": {"gpus": 1000, "lead_time": "30d", "target": "99.9%"},
    "risk rig": {"on": "4xrtx-4090"},
    "risk presets": {},
    "ask choose-gpu": {"model": "llama-2-7b", "among": "l4,rtx-4090"},
    "ask gpu-count": {"model": "llama-2-70b", "context": 4096},
    "ask many-or-one": {"model": "llama-3.3-70b", "many": "16xrtx-4090", "one": "2xh100-sxm"},
    "ask tiers": {"model": _QWEN, "max_gpus": 2},
    "ask consumer-or-datacenter": {"model": _QWEN, "weights": "fp8", "max_gpus": 1},
    "ask overkill": {"model": "llama-2-7b", "on": "1xa100-sxm-80gb", "rate": "1/s", "max_gpus": 4},
    "ask train-or-serve": {"cards_and_model": ["h100-sxm", "l40s", _8B]},
    "ask split": {"model": "llama-3.3-70b", "on": ["4xh100-sxm"], "rate": "5/s"},
    "ask buy-or-rent": {"gpu": "rtx-4090"},
    "ask scaling": {"params": "1B", "link": "4xrtx-4090", "step": "2s"},
    "ask mix": {"models": [_8B], "rigs": "4xrtx-4090,2xa100-sxm-80gb"},
    "ask growth": {"model": _QWEN, "rate": "5/s", "growth": "10%/month", "max_gpus": 2},
    "ask measure-next": {"model": _QWEN, "on": "1xl4", "rate": "1/s", "tpot_p99": "30ms"},
    "ask go-no-go": {"answers": "yes,yes,yes,yes,no,yes,unknown,yes"},
    "ask criteria": {"file": {"name": "criteria.toml", "text": _CRITERIA}},
    "ask lock-in": {"on": "4xh100-sxm", "provider": "runpod"},
    "ask ecosystem": {"gpus": ["rtx-4090", "mi300x"]},
    "gpus list": {},
    "gpus show": {"name": "rtx-4090"},
    "models list": {},
    "models show": {"name": _8B},
    "rigs list": {},
    "rigs show": {"name": "4xrtx-4090+1xa100-sxm-80gb"},
    "prices list": {"gpu": "h200-sxm", "sort": "price"},
    "prices show": {"name": "l40s"},
    "prices status": {},
    "runtimes list": {"on": "4xrtx-4090"},
    "runtimes show": {"name": "vllm"},
}
EXAMPLES: Final = {tuple(text.split()): given for text, given in _BY_TEXT.items()}
"""By the words of the verb."""
