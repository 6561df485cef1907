"""The texts of the samples; ``$card`` and its like are filled in for a machine."""

from __future__ import annotations

from typing import Final

HEAD: Final = '''\
"""Made by rightrig probe for $card. Needs PyTorch; run it with Python."""

import time

import torch

CARD = $card
if torch.cuda.is_available():
    device = "cuda"  # of AMD too
elif torch.backends.mps.is_available():
    device = "mps"
else:
    device = "cpu"


def wait() -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


def seconds(work, tries: int = 10) -> float:
    """Return the time of some work, the best of several tries, in seconds."""
    for _ in range(3):
        work()
    times = []
    for _ in range(tries):
        wait()
        start = time.perf_counter()
        work()
        wait()
        times.append(time.perf_counter() - start)
    return min(times)


print(f"PyTorch {torch.__version__} on {device}, made for {CARD}")
'''

MATMUL: Final = '''
PEAK_TFLOPS = $rate  # dense, by the record of $card
BANDWIDTH_GB_S = $bandwidth  # by the same record
FORMAT = $rate_name
if device == "cpu" and CARD != "this-cpu":
    PEAK_TFLOPS = BANDWIDTH_GB_S = None  # PyTorch does not see the card
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
kind = TYPES["fp32" if device == "cpu" else FORMAT]


def beside(measured: float, stated: float | None) -> str:
    """Return a share of what the record states."""
    return "" if stated is None else f", {measured / stated:.0%} of {stated:g}"


size = 1024 if device == "cpu" else 8192
left = torch.randn(size, size, device=device, dtype=kind)
right = torch.randn(size, size, device=device, dtype=kind)
taken = seconds(lambda: left @ right)
tflops = 2 * size**3 / taken / 1e12
print(f"matmul {size} x {size} in {kind}: {tflops:.4g} TFLOPS{beside(tflops, PEAK_TFLOPS)}")

count = (32 if device == "cpu" else 512) * 2**20
source = torch.randn(count, device=device)
target = torch.empty_like(source)
taken = seconds(lambda: target.copy_(source))
rate = 2 * source.nbytes / taken / 1e9  # what is read and what is written
print(f"copy of {source.nbytes / 2**20:.0f} MiB: {rate:.4g} GB/s{beside(rate, BANDWIDTH_GB_S)}")
'''

COMPILE: Final = '''

def layer(x, gate, up, down):
    """Return what one feed-forward layer makes of its input."""
    return (torch.nn.functional.silu(x @ gate) * (x @ up)) @ down


width, hidden, rows = (256, 704, 16) if device == "cpu" else (4096, 14336, 16)
kind = torch.float32 if device == "cpu" else torch.float16
x = torch.randn(rows, width, device=device, dtype=kind)
gate, up = (torch.randn(width, hidden, device=device, dtype=kind) / width**0.5 for _ in "ab")
down = torch.randn(hidden, width, device=device, dtype=kind) / hidden**0.5

plain = seconds(lambda: layer(x, gate, up, down))
print(f"as written: {plain * 1e6:.0f} us")
try:
    quick = torch.compile(layer)
    wanted, got = layer(x, gate, up, down), quick(x, gate, up, down)
except Exception as error:  # no compiler on this machine, or none for this device
    print(f"torch.compile does not work here: {type(error).__name__}: {str(error)[:120]}")
else:
    torch.testing.assert_close(got, wanted, rtol=2e-2, atol=2e-2)
    taken = seconds(lambda: quick(x, gate, up, down))
    print(f"compiled:   {taken * 1e6:.0f} us, {plain / taken:.2f} times as fast")
'''

FP8: Final = '''

def capability() -> tuple[int, int]:
    """Return the compute capability of an NVIDIA card; (0, 0) of everything else."""
    if device == "cuda" and torch.version.cuda:
        return torch.cuda.get_device_capability()
    return (0, 0)


def amd_has_fp8() -> bool:
    """Whether this is a card of AMD that multiplies FP8: CDNA3, CDNA4, RDNA4."""
    if device != "cuda" or not torch.version.hip:
        return False
    name = torch.cuda.get_device_properties(0).gcnArchName
    return name.startswith(("gfx94", "gfx95", "gfx12"))


FP8 = getattr(torch, "float8_e4m3fn", None)
if amd_has_fp8() and "gfx94" in torch.cuda.get_device_properties(0).gcnArchName:
    FP8 = torch.float8_e4m3fnuz  # CDNA3 has a format of its own


def to_fp8(x):
    """Return a matrix in FP8, and the scale that undoes it."""
    scale = x.abs().amax().float().clamp(min=1e-12) / torch.finfo(FP8).max
    return (x / scale).to(FP8), scale


size = 256 if device == "cpu" else 4096
kind = torch.bfloat16
left = torch.randn(size, size, device=device).to(kind)
right = torch.randn(size, size, device=device).to(kind)
wanted = left.float() @ right.float()
if FP8 is None:
    print("this PyTorch has no FP8: 2.1 is the first that does")
elif device == "mps":
    print("this chip has no FP8")
elif capability() >= (8, 9) or amd_has_fp8():
    a, a_scale = to_fp8(left)
    b, b_scale = to_fp8(right.t().contiguous())

    def product():
        """Return the product, multiplied in FP8 and summed in FP32."""
        return torch._scaled_mm(a, b.t(), scale_a=a_scale, scale_b=b_scale, out_dtype=kind)

    error = ((product().float() - wanted).norm() / wanted.norm()).item()
    taken, plain = seconds(product), seconds(lambda: left @ right)
    tflops = 2 * size**3 / taken / 1e12
    print(f"FP8 {size} x {size}: {tflops:.4g} TFLOPS, {plain / taken:.2f} times BF16")
    print(f"relative error of the product: {error:.3f}")
    assert error < 0.1, error
else:
    # Without units for it FP8 only saves memory: it is unpacked before it is multiplied.
    a, a_scale = to_fp8(left)
    b, b_scale = to_fp8(right)
    product = (a.float() * a_scale) @ (b.float() * b_scale)
    error = ((product - wanted).norm() / wanted.norm()).item()
    print("no units for FP8 here (NVIDIA from compute capability 8.9): stored in it, unpacked")
    print(f"relative error of the product: {error:.3f}")
    assert error < 0.1, error
'''
