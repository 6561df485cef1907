"""What the readers of recurrent layers share: state-space mixers, their states, their order.

Parameters are those of the modules in transformers; states are what vLLM allocates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.llm import Recurrent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.architectures.common import Config

ENGINE_STATE_BITS: Final = 16
"""Bits of a state value where the configuration states none: those of the model's type."""
_BITS: Final = {"float32": 32, "bfloat16": 16, "float16": 16}
_RANK_DIVISOR: Final = 16


def state_bits(config: Config, key: str, default: int) -> int:
    """Return the bits of one value of the state, by the type that a configuration names."""
    if not config.has(key):
        return default
    name = config.text(key).removeprefix("torch.")
    if name not in _BITS:
        raise config.wrong(key, f"one of {', '.join(_BITS)}")
    return _BITS[name]


def layer_order(
    config: Config, keys: tuple[str, ...], known: Mapping[str, str], count: int | None
) -> tuple[str, ...]:
    """Return the kinds of layers that the first of the keys lists; empty when none does.

    ``known`` maps each name that configurations use to the kind that the reader uses;
    ``count`` is how many names there must be, where that is known.
    """
    key = next((key for key in keys if config.has(key)), None)
    if key is None:
        return ()
    names = config.texts(key)
    strange = next((name for name in names if name not in known), None)
    if strange is not None:
        raise config.unsupported(
            f"the layer type {strange[:40]!a} is not understood yet; understood are "
            f"{', '.join(known)}"
        )
    if count is not None and len(names) != count:
        raise config.wrong(key, f"a list of {count:,} names, one a layer")
    return tuple(known[name] for name in names)


@dataclass(frozen=True, slots=True)
class Mamba2:
    """The dimensions of a Mamba-2 mixer, whatever its family calls them."""

    head_count: int
    head_dim: int
    group_count: int
    state_size: int
    kernel: int
    bias: bool
    conv_bias: bool
    state_bits: int


def mamba2_mixer(hidden_size: int, size: Mamba2) -> Recurrent:
    """Return a Mamba-2 mixer (arXiv:2405.21060).

    One projection in makes gate, convolved channels and a step a head; decay, step bias and
    skip are one value a head; a norm is as wide as all heads.
    """
    inner = size.head_count * size.head_dim
    channels = inner + 2 * size.group_count * size.state_size
    outputs = inner + channels + size.head_count
    params = hidden_size * outputs + channels * size.kernel + inner * hidden_size
    params += 3 * size.head_count + inner
    params += (outputs + hidden_size) if size.bias else 0
    params += channels if size.conv_bias else 0
    return Recurrent(
        kind="mamba2",
        head_count=size.head_count,
        key_dim=size.state_size,
        value_dim=size.head_dim,
        conv_channels=channels,
        conv_kernel=size.kernel,
        state_bits=size.state_bits,
        split_params=params,
    )


def mamba2_of(config: Config, *, hidden_size: int) -> Recurrent:
    """Return the Mamba-2 mixer in the words of Bamba and Granite 4."""
    inner = config.count("mamba_expand", 2) * hidden_size
    heads = config.count("mamba_n_heads", 128)
    is_given = config.has("mamba_d_head") and config.values.get("mamba_d_head") != "auto"
    return mamba2_mixer(
        hidden_size,
        Mamba2(
            head_count=heads,
            head_dim=config.count("mamba_d_head") if is_given else inner // heads,
            group_count=config.count("mamba_n_groups", 1),
            state_size=config.count("mamba_d_state", 256),
            kernel=config.count("mamba_d_conv", 4),
            bias=config.flag("mamba_proj_bias", default=False),
            conv_bias=config.flag("mamba_conv_bias", default=True),
            state_bits=ENGINE_STATE_BITS,
        ),
    )


@dataclass(frozen=True, slots=True)
class Mamba1:
    """The keys of a Mamba-1 mixer in a configuration, and whether it has norms inside."""

    inner_size: int
    state_key: str
    kernel_key: str
    rank_key: str
    bias_key: str
    conv_bias_key: str
    has_norms: bool = False


def mamba1_mixer(config: Config, hidden_size: int, words: Mamba1) -> Recurrent:
    """Return a Mamba-1 mixer (arXiv:2312.00752): every channel keeps a state of its own."""
    inner = words.inner_size
    state, kernel = config.count(words.state_key, 16), config.count(words.kernel_key, 4)
    is_given = config.has(words.rank_key) and config.values.get(words.rank_key) != "auto"
    rank = config.count(words.rank_key) if is_given else -(-hidden_size // _RANK_DIVISOR)
    params = hidden_size * 2 * inner + inner * kernel + inner * (rank + 2 * state)
    params += rank * inner + inner + inner * state + inner + inner * hidden_size
    if config.flag(words.bias_key, default=False):
        params += 2 * inner + hidden_size
    if config.flag(words.conv_bias_key, default=True):
        params += inner
    return Recurrent(
        kind="mamba1",
        head_count=inner,
        key_dim=state,
        value_dim=1,
        conv_channels=inner,
        conv_kernel=kernel,
        state_bits=ENGINE_STATE_BITS,
        split_params=params,
        whole_params=(rank + 2 * state) if words.has_norms else 0,
    )
