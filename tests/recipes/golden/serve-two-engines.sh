#!/bin/sh
# meta-llama/Llama-3.3-70B-Instruct on 8xh100-sxm: vllm 0.33.0
# Start: sh serve.sh ENGINE, once for each
set -eu

# Heard by this machine alone, as the engine asks for no key. LISTEN=0.0.0.0 serves others: put a
# firewall or a gateway with keys before it.
listen="${LISTEN:-127.0.0.1}"

# Which engine of this machine: its cards and its port.
engine="${1:?which engine: 0 to 1}"
shift
case "$engine" in
  0) export CUDA_VISIBLE_DEVICES=0,1,2,3 ;;
  1) export CUDA_VISIBLE_DEVICES=4,5,6,7 ;;
  *) echo "serve.sh: engine $engine: there are 0 to 1" >&2; exit 2 ;;
esac
port=$((8000 + engine))

# a first start may take that long; vLLM gives up after 600 s (vLLM 0.33.0 vllm/envs.py)
export VLLM_ENGINE_READY_TIMEOUT_S=2160

exec vllm serve meta-llama/Llama-3.3-70B-Instruct \
  --served-model-name meta-llama/Llama-3.3-70B-Instruct \
  --host "$listen" \
  --port "$port" \
  --tensor-parallel-size 4 \
  --pipeline-parallel-size 1 \
  --quantization fp8_per_tensor \
  --dtype bfloat16 \
  --kv-cache-dtype bfloat16 \
  --max-model-len 8192 \
  --max-num-seqs 1024 \
  --max-num-batched-tokens 8192 \
  --enable-chunked-prefill \
  --gpu-memory-utilization 0.92 \
  --enable-prefix-caching \
  "$@"
