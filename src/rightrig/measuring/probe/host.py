"""The host: processors, memory, disks, and whether it is a virtual machine or a container."""

from __future__ import annotations

import os
import platform
import re
import shutil
from pathlib import Path
from typing import Final

from rightrig.measuring.probe.readings import Disk, Host

_SYSTEM: Final = Path("/sys")
_PROCESSES: Final = Path("/proc")
_MOST_READ: Final = 4_000_000
_KIB_BYTES: Final = 1024.0
_FLAGS: Final = (
    "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "avx_vnni", "sve",
    "asimddp", "i8mm", "bf16",
)  # fmt: skip
# /proc/cpuinfo names makers of ARM processors by number.
_MAKERS: Final = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel", "0x61": "Apple", "0x41": "ARM"}
_CACHE_UNITS: Final = {"K": 1024.0, "M": 1024.0**2, "G": 1024.0**3, "": 1.0}
_NO_DISKS: Final = frozenset(
    ("tmpfs", "devtmpfs", "proc", "sysfs", "overlay", "squashfs", "cgroup", "cgroup2", "devpts",
     "mqueue", "nsfs", "autofs", "tracefs", "debugfs", "securityfs", "bpf", "ramfs", "iso9660")
)  # fmt: skip
_HYPERVISORS: Final = {
    "kvm": "KVM", "qemu": "KVM", "vmware": "VMware", "virtualbox": "VirtualBox",
    "microsoft corporation": "Hyper-V", "xen": "Xen", "amazon ec2": "Amazon EC2",
    "google": "Google Compute Engine", "openstack": "OpenStack",
}  # fmt: skip


def parse_cpuinfo(text: str) -> Host:
    """Return what ``/proc/cpuinfo`` says."""
    values: dict[str, str] = {}
    threads = 0
    sockets: set[str] = set()
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        threads += name == "processor"
        if name == "physical id":
            sockets.add(value)
        values.setdefault(name, value)
    flags = (values.get("flags") or values.get("Features") or "").split()
    vendor = _MAKERS.get(values.get("vendor_id", "") or values.get("CPU implementer", ""), "")
    return Host(
        cpu=values.get("model name", "") or values.get("Model", ""),
        cpu_vendor=vendor,
        threads_count=threads or None,
        sockets_count=len(sockets) or None,
        flags=tuple(flag for flag in _FLAGS if flag in flags),
        virtual="a virtual machine" if "hypervisor" in flags else "",
    )


def parse_meminfo(text: str) -> tuple[float | None, float | None]:
    """Return the memory of ``/proc/meminfo``, and what programs could still take, in bytes."""

    def size_bytes(name: str) -> float | None:
        match = re.search(rf"(?m)^{name}:\s+(\d{{1,15}}) kB", text)
        return float(match[1]) * _KIB_BYTES if match else None

    return size_bytes("MemTotal"), size_bytes("MemAvailable")


def own_cpuinfo() -> Host:
    """Return what this host says of its processors."""
    return parse_cpuinfo(text_of(_PROCESSES / "cpuinfo"))


def own_memory_bytes() -> tuple[float | None, float | None]:
    """Return this host's memory, and what programs could still take; no more than a container's."""
    bound_bytes = _cgroup_bytes(_SYSTEM)
    total_bytes, available_bytes = parse_meminfo(text_of(_PROCESSES / "meminfo"))
    return _smaller_bytes(total_bytes, bound_bytes), _smaller_bytes(available_bytes, bound_bytes)


def threads_count() -> int:
    """Return the hardware threads that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def read_host() -> Host:
    """Return this host, as far as its system says."""
    cpu = own_cpuinfo()
    total_bytes, available_bytes = own_memory_bytes()
    return Host(
        name=platform.node(),
        cpu=cpu.cpu or platform.processor(),
        cpu_vendor=cpu.cpu_vendor,
        threads_count=threads_count(),
        sockets_count=cpu.sockets_count,
        numa_nodes_count=_nodes_count(_SYSTEM),
        flags=cpu.flags,
        last_cache_bytes=last_cache_bytes(),
        memory_bytes=total_bytes,
        available_bytes=available_bytes,
        virtual=_virtual(cpu.virtual),
        disks=read_disks(text_of(_PROCESSES / "mounts"), _SYSTEM),
    )


def text_of(path: Path) -> str:
    """Return a file of the system, or nothing."""
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_READ).decode("utf-8", "replace").strip("\0\n")
    except OSError:
        return ""


def _smaller_bytes(one_bytes: float | None, other_bytes: float | None) -> float | None:
    """Return the smaller of two sizes that may be unknown."""
    known = [size for size in (one_bytes, other_bytes) if size is not None]
    return min(known, default=None)


def _cgroup_bytes(system: Path) -> float | None:
    """Return the memory that this container may take, where it is bounded."""
    for name in ("fs/cgroup/memory.max", "fs/cgroup/memory/memory.limit_in_bytes"):
        text = text_of(system / name)
        if text.isdigit() and int(text) < 1 << 60:
            return float(text)
    return None


def _nodes_count(system: Path) -> int | None:
    """Return how many memory nodes there are."""
    return len(list((system / "devices/system/node").glob("node[0-9]*"))) or None


def last_cache_bytes() -> float | None:
    """Return the largest cache of the first processor, in bytes."""
    sizes = [
        float(match[1]) * _CACHE_UNITS[match[2]]
        for path in (_SYSTEM / "devices/system/cpu/cpu0/cache").glob("index*/size")
        if (match := re.fullmatch(r"(\d{1,12})([KMG]?)", text_of(path)))
    ]
    return max(sizes, default=None)


def _virtual(by_flags: str) -> str:
    """Return the container or hypervisor that this runs in, or nothing."""
    if (Path("/.dockerenv")).exists() or (Path("/run/.containerenv")).exists():
        return "a container"
    dmi = _SYSTEM / "class/dmi/id"
    named = f"{text_of(dmi / 'sys_vendor')} {text_of(dmi / 'product_name')}".lower()
    known = next((name for word, name in _HYPERVISORS.items() if word in named), "")
    if known and by_flags:
        return f"a virtual machine ({known})"
    return by_flags


def read_disks(mounts: str, system: Path) -> tuple[Disk, ...]:
    """Return the file systems that models may lie on: those of this folder, the root and /home.

    Args:
        mounts: As ``/proc/mounts`` has them.
        system: Where ``/sys`` lies.
    """
    points = {}
    for line in mounts.splitlines():
        device, point, kind, *_ = [*line.split(), "", "", ""]
        if kind not in _NO_DISKS and point.startswith("/"):
            points[point] = device
    wanted = dict.fromkeys((os.path.sep, str(Path.home()), str(Path.cwd())))
    found: dict[str, Disk] = {}
    for path in wanted:
        try:
            usage = shutil.disk_usage(path)
        except OSError:
            continue
        mount = max((p for p in points if _is_below(path, p)), key=len, default=os.path.sep)
        kind = _disk_kind(points.get(mount, ""), system)
        found.setdefault(mount, Disk(mount, float(usage.total), float(usage.free), kind))
    return tuple(found.values())


def _is_below(path: str, mount: str) -> bool:
    """Whether a path lies on what is mounted somewhere."""
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def _disk_kind(device: str, system: Path) -> str:
    """Return what a file system lies on: NVMe, solid state, rotating, network, or nothing."""
    if ":" in device or device.startswith("//"):
        return "network"
    name = re.sub(r"(p?\d+)$", "", Path(device).name) if device.startswith("/dev/") else ""
    if name.startswith("nvme"):
        return "NVMe"
    # A virtual disk says "rotating" whatever it lies on.
    is_told = name and not name.startswith(("vd", "xvd"))
    rotates = text_of(system / "block" / name / "queue/rotational") if is_told else ""
    return {"0": "solid state", "1": "rotating"}.get(rotates, "")
