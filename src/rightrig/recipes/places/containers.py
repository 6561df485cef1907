"""What a container of an engine is made of, whoever runs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import version_of
from rightrig.facts.gpu import PROCESSOR
from rightrig.quantities import GIB
from rightrig.recipes.places.listening import EVERY_INTERFACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rightrig.recipes.launch import Launch, Variable
    from rightrig.recipes.serving import Serving

MODELS: Final = "/models"
"""Where files of weights are, inside a container."""
CONFIGURATION: Final = "/etc/rightrig"
"""Where files that a flag names are, inside a container."""
SHARED_BYTES: Final = 2.0 * GIB
"""Shared memory for each card: vLLM's guide for LeaderWorkerSet has 15 GiB for eight
(docs/deployment/frameworks/lws.md, 0.33.0)."""
_CUDA_IMAGES: Final = (
    "vllm/vllm-openai:", "lmsysorg/sglang:", "openmmlab/lmdeploy:", "nvcr.io/nvidia/",
)  # fmt: skip
_OWN_VARIABLES: Final = ("HOME", "HF_HOME", "HF_TOKEN")
_MOST_NAME: Final = 40
_ENGINES: Final = frozenset({"vllm", "sglang", "ollama"})
_BESIDE: Final = ("./", "../", "~")
_VLLM_USER_SINCE: Final = (0, 33)


@dataclass(frozen=True, slots=True)
class User:
    """Who runs inside an image.

    Attributes:
        home: A folder that the image gives to this user, so that a fresh volume there is theirs.
        is_sealed: Whether the program writes nowhere but there and below ``/tmp``.
    """

    uid: int
    gid: int
    home: str
    is_sealed: bool = False


ROOT: Final = User(0, 0, "/root")
_USERS: Final = {
    # vLLM 0.33.0 docker/Dockerfile and docs/deployment/docker.md: made for --user 2000:0.
    "vllm": User(2000, 0, "/home/vllm"),
    # llama.cpp .devops/cuda.Dockerfile: one program on ubuntu:24.04, which has the user ubuntu.
    "llama.cpp": User(1000, 1000, "/home/ubuntu", is_sealed=True),
}


@dataclass(frozen=True, slots=True)
class Mounted:
    """A file of the recipe inside a container."""

    path: str
    source: str
    text: str

    @property
    def key(self) -> str:
        """Its name in a ConfigMap."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Container:
    """A container of one engine, or of one machine of it.

    Attributes:
        args: The words after those that the image's entry point says.
        mounted: Folder of the host with files of weights; empty where the engine fetches them.
        weights: What is mounted there, inside the container.
        files: Those that a flag names.
    """

    image: str
    args: tuple[str, ...]
    user: User
    mounted: str
    weights: str
    files: tuple[Mounted, ...]

    @property
    def hub_cache(self) -> str:
        """Where models of the hub are kept (``HF_HOME`` of huggingface_hub)."""
        return f"{self.user.home}/.cache/huggingface"

    @property
    def mount(self) -> str:
        """Where the volume with weights is."""
        return MODELS if self.weights else self.hub_cache


def container_reason(serving: Serving, launch: Launch) -> str | None:
    """Return why there is no container, with what there is instead, or ``None``."""
    if launch.engine == "ollama":
        return (
            "Ollama makes its model by a second command when the server runs; start it on the "
            "machine (serve.sh), or use --runtime llama.cpp, which is told the file at its start"
        )
    gpu = serving.deployment.rig.gpu
    if launch.image and (gpu.vendor == "NVIDIA" or not _is_for_cuda(launch.image)):
        return None
    return (
        f"no published image of {launch.engine} {launch.version} for {gpu.name} is known here; "
        "start the program itself (serve.sh), or build an image of it"
    )


def _is_for_cuda(image: str) -> bool:
    """Whether an image holds CUDA, for NVIDIA's cards alone."""
    return image.startswith(_CUDA_IMAGES) and "-rocm" not in image


def container_of(
    serving: Serving, launch: Launch, words: tuple[str, ...] | None = None
) -> Container:
    """Return the container of an engine.

    Args:
        serving: Says whose cards they are.
        launch: One with an image.
        words: The command where it is not ``launch.words``: that of one machine of several.
    """
    told = launch.words if words is None else words
    local = next((word for word in launch.arguments if _is_local(word, serving)), "")
    mounted, weights = _mounts(local)
    inside = {one.path: f"{CONFIGURATION}/{one.path}" for one in launch.files}
    moved = inside | ({local: weights} if local else {})
    return Container(
        image=launch.image,
        args=tuple(_inside(told[len(launch.image_entry) :], moved)),
        user=user_of(serving, launch),
        mounted=mounted,
        weights=weights,
        files=tuple(Mounted(inside[one.path], one.path, one.text) for one in launch.files),
    )


def user_of(serving: Serving, launch: Launch) -> User:
    """Return who runs in the engine's image: not root, where its makers say that it may be.

    Images of other engines are made for root, and so are those of AMD's and Intel's cards, whose
    devices belong to groups that differ from host to host.
    """
    gpu = serving.deployment.rig.gpu
    found = _USERS.get(launch.engine, ROOT)
    if gpu.vendor != "NVIDIA" and gpu.architecture != PROCESSOR:
        return ROOT
    is_old = version_of(launch.version) < _VLLM_USER_SINCE
    return ROOT if launch.engine == "vllm" and is_old else found


def is_asked(word: str) -> bool:
    """Whether a shell or Compose is to fill a word in."""
    return word.startswith("${")


def shared_bytes(serving: Serving) -> float:
    """Return the shared memory for the cards of one engine on one machine."""
    cards = min(serving.engine_cards, serving.deployment.rig.cards_per_node)
    return SHARED_BYTES * cards


def variables_of(launch: Launch) -> tuple[Variable, ...]:
    """Return the launch's variables but those that every container sets here."""
    return tuple(one for one in launch.environment if one.name not in _OWN_VARIABLES)


def healthy(launch: Launch) -> tuple[str, ...]:
    """Return a command of the image that fails while the engine is not ready."""
    url = f"http://127.0.0.1:{launch.port}{launch.health}"
    if launch.engine == "llama.cpp":
        return ("curl", "-fsS", "-o", "/dev/null", url)
    return ("python3", "-c", f"import urllib.request as r; r.urlopen({url!r}, timeout=5)")


def object_name(serving: Serving) -> str:
    """Return the model as a name of Kubernetes and Compose: a DNS label (RFC 1123, RFC 1035).

    It starts with a letter, as names of services must, and is not that of an engine: Kubernetes
    would set ``VLLM_PORT`` for a service ``vllm`` (vLLM 0.33.0 docs/configuration/env_vars.md).
    """
    text = re.sub(r"[^a-z0-9]+", "-", serving.name.rsplit("/", 1)[-1].lower())[:_MOST_NAME]
    text = text.strip("-") or "model"
    return text if text[0].isalpha() and text not in _ENGINES else f"llm-{text}"


def _is_local(word: str, serving: Serving) -> bool:
    """Whether a word of the command names weights on a disk rather than of the hub."""
    is_path = word.startswith(_BESIDE) or (word == serving.checkpoint and word.startswith("/"))
    return is_path or word.lower().endswith(".gguf")


def _mounts(local: str) -> tuple[str, str]:
    """Return the folder of the host to mount, and what the engine is told instead of a path."""
    if not local:
        return "", ""
    path = PurePosixPath(local)
    if local.lower().endswith(".gguf"):
        # A model may be several files beside each other.
        folder = str(path.parent)
        if folder == ".":
            folder = "./models"
        mounted = folder if folder.startswith(("/", *_BESIDE)) else f"./{folder}"
        return mounted, f"{MODELS}/{path.name}"
    return local, f"{MODELS}/{path.name}"


def _inside(words: Iterable[str], moved: Mapping[str, str]) -> Iterable[str]:
    """Yield words of a command as they are inside a container."""
    before = ""
    for word in words:
        yield EVERY_INTERFACE if before == "--host" else moved.get(word, word)
        before = word
