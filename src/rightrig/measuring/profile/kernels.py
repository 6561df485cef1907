"""Kernels by their names: what each does, by the first rule that its name matches.

Names are those that engines and libraries give: CUTLASS (``cutlass::Kernel2``), cuBLAS
(``nvjet_…``, ``sm90_xmma_gemm_…``, ``ampere_…gemm``), rocBLAS and hipBLASLt (``Cijk_…``),
FlashAttention (``flash_fwd_…``, ``FlashAttnFwdSm90``), FlashInfer (``BatchDecodeWithPagedKV…``),
TensorRT-LLM (``fmhaSm100…``, ``masked_multihead_attention``, ``bmm_…``), vLLM
(``reshape_and_cache…``, ``kernel_unified_attention_…``, ``cross_device_reduce``), Triton and
torch.compile (``triton_poi_fused_…``), NCCL and RCCL (``ncclDevKernel_…``), llama.cpp
(``mul_mat_vec_q``, ``flash_attn_ext_…``, ``rms_norm_f32``), and PyTorch's own (``aten::…`` on a
processor). The order of the rules matters: a fused kernel counts as the first thing it matches.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

KernelClass = Literal[
    "matrix product", "product tail", "experts", "router", "attention decode",
    "attention prefill", "attention", "recurrent", "cache write", "norm", "rope", "activation",
    "quantise", "embedding", "sampling", "copy", "elementwise", "all-reduce", "all-gather",
    "all-to-all", "send", "unassigned",
]  # fmt: skip
COMMUNICATION: Final[frozenset[KernelClass]] = frozenset(
    ("all-reduce", "all-gather", "all-to-all", "send")
)
"""Classes whose bytes cross a link."""
MIXING: Final[frozenset[KernelClass]] = frozenset(
    ("attention decode", "attention prefill", "attention", "recurrent")
)
"""Classes that mix tokens: one of them a layer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a name says of a kernel.

    Attributes:
        pattern: Found anywhere in the name, in small or capital letters.
        why: Whose names these are.
    """

    kernel_class: KernelClass
    pattern: str
    why: str


RULES: Final = (
    Rule("all-gather", r"nccl\w*_?(allgather|reducescatter)|all_?gather|reduce_?scatter",
         "NCCL, RCCL and the engines' own gathers"),
    Rule("all-to-all", r"all_?to_?all|alltoall|deep_?ep|moe_?a2a|internode::|intranode::",
         "DeepEP, TensorRT-LLM's exchanges of experts"),
    Rule("all-reduce", r"all_?reduce|cross_device_reduce|(one|two)_?shot.*(push|pull|reduce)|"
         r"multimem_|quick_?reduce|ncclDevKernel_Generic",
         "NCCL and RCCL, vLLM's and SGLang's custom all-reduce, TensorRT-LLM's fused ones"),
    Rule("send", r"nccl\w*_?(sendrecv|send|recv|broadcast)|nvshmem", "from stage to stage"),
    Rule("sampling", r"sample|sampling|top_?k_?top_?p|top_?p|argmax|arg_max|multinomial|"
         r"exponential_|penalt|min_p|temperature|radix_?sort|gather_?topk|[sm]btopk|log_?softmax|"
         r"cunn_softmax|softmax_warp|logits_process|apply_grammar|bitmask", "of the next token"),
    Rule("router", r"moe.*(topk|align|sum|sort|permute|finalize|count|index)|topk_?gating|"
         r"grouped_?topk|routing|topk_(softmax|sigmoid)|topk_moe|select_expert|expert_?(map|offset)|"
         r"k_?argsort|argsort", "choice, sorting and joining of experts"),
    Rule("experts", r"fused_moe|moe_?(gemm|wna16|mx)|moe.*(gemm|mma)|grouped_?gemm|group_gemm|"
         r"cutlass_moe|mul_mat_id|fmoe|marlin_moe|moe_?marlin|m_grouped|ck_moe|"
         r"bmm_(bfloat16|e4m3|e2m1|mxe)", "grouped products"),
    Rule("cache write", r"reshape_and_cache|concat_and_cache|store_?kv|set_?kv|set_mla_kv|"
         r"append_?paged|write_?kv|update_?kv|k_set_rows|set_rows", "into the KV cache"),
    Rule("recurrent", r"selective_scan|mamba|ssm_|causal_conv1d|gated_delta|delta_rule|"
         r"chunk_(scan|state|gla)|state_passing|linear_att|rwkv|wkv|l2norm_fwd",
         "state-space and linear attention"),
    Rule("attention decode", r"split_?kv|flash_?decode|flash_?decoding|decode_attention|"
         r"batch_?decode|single_?decode|forgen|masked_multihead|mmha|xqa|paged_attention_(v1|v2|ll|kernel)|"
         r"attention_3d|fwdcombine|reduce_segments|flash_attn_(ext_)?vec|flash_?mla|"
         r"mla.*decode|decode.*mla|fwd_grouped_kernel_stage1|fwd_kernel_stage2|paged_decode",
         "one query a sequence"),
    Rule("attention prefill", r"batch_?prefill|single_?prefill|prefill_att|context_att|"
         r"extend_att|fmha.*context|varlen_fwd|flash_fwd_kernel|_fwd_kernel$",
         "many queries a sequence"),
    Rule("attention", r"flash_?att|flash_fwd|flash::|fmha|attention|attn|\bmha|sdpa|"
         r"soft_?max_f32|aten::_softmax|aten::softmax|merge_state", "either"),
    Rule("rope", r"rope|rotary", "positions"),
    Rule("norm", r"rms_?norm|layer_?norm|rsqrt|add_norm|l2_norm|_norm_|norm_kernel|norm_f32|"
         r"batch_norm|aten::rms", "and residuals fused with them"),
    Rule("quantise", r"^(void )?(\w+::)*quantize|dequantize_block|convert_unary|"
         r"(scaled|group|token|block|fp8|int8|fp4).?_?quant|quant_fp8|cvt_", "of activations"),
    Rule("product tail", r"split_?k_?reduce|reduce_1block|stream_k_fixup|epilogue::",
         "joins what a product left in parts"),
    Rule("matrix product", r"gemm|gemv|nvjet|xmma|mat_?mul|mul_mat|marlin|machete|wmma|mmq|mmv|"
         r"cijk|cutlass|dot_kernel|addmm|aten::(mm|bmm|linear|baddbmm)|mkldnn|scaled_mm|awq|gptq|"
         r"w8a8|qmm", "dense products of any library"),
    Rule("activation", r"silu|swiglu|gelu|geglu|act_and_mul|swish|unary_gated|relu|glu\b",
         "of the feed-forward part"),
    Rule("embedding", r"embedding|get_rows|vocab_parallel", "of tokens"),
    Rule("copy", r"memcpy|memset|copy|catarray|aten::(cat|to|_to_copy|copy_|clone|contiguous|"
         r"fill_|zero_|zeros|ones|full|empty|new_|arange|view|_unsafe_view|reshape|transpose|t$|"
         r"expand|as_strided|slice|select|unsqueeze|squeeze|chunk|split|permute|narrow|"
         r"_reshape_alias|resolve|detach|lift|alias|unbind|stack|item|_local_scalar|index|where|"
         r"repeat|flatten)|fill|transpose|scatter|gather|cp[y]_|concat|index|prepare_|compute_slot",
         "moves and fills, and views on a processor"),
    Rule("elementwise", r"elementwise|triton_|vectorized|pointwise|bin_bcast|scale_f32|"
         r"(^|[_:])(add|mul)(_|<|$)|reduce_kernel|unary|binary|cast|multi_tensor_apply|aten::",
         "arithmetic element by element"),
)  # fmt: skip
"""In the order in which they are asked."""
_KNOWN: Final = tuple(
    (rule.kernel_class, re.compile(rule.pattern, re.IGNORECASE)) for rule in RULES
)


@lru_cache(maxsize=20_000)
def kernel_class(name: str) -> KernelClass:
    """Return what a kernel does, by its name.

    >>> kernel_class("nvjet_tst_64x32_64x16_2x1_v_bz_splitK_TNT")
    'matrix product'
    >>> kernel_class("void flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 128>>")
    'attention decode'
    >>> kernel_class("my_own_kernel")
    'unassigned'
    """
    return next((found for found, pattern in _KNOWN if pattern.search(name)), "unassigned")
