sglang serve \
  --model-path meta-llama/Llama-3.1-8B-Instruct \
  --served-model-name meta-llama/Llama-3.1-8B-Instruct \
  --host 0.0.0.0 \
  --port 30000 \
  --enable-metrics \
  --tp-size 1 \
  --pp-size 1 \
  --dtype bfloat16 \
  --kv-cache-dtype bfloat16 \
  --context-length 8192 \
  --max-running-requests 2048 \
  --chunked-prefill-size 4096 \
  --mem-fraction-static 0.841 \
  --enable-lora \
  --max-loras-per-batch 5 \
  --max-lora-rank 16 \
  --lora-target-modules all
# --served-model-name: what clients call it
# --host: every interface; serve.sh has 127.0.0.1, since it asks for no key
# --enable-metrics: else /metrics is missing
# --tp-size: the plan: tp1
# --pp-size: the plan: tp1
# --dtype: activations in 16 bits, as the fit counts them
# --kv-cache-dtype: the fit counts 16 bits a value
# --context-length: longest prompt and answer together
# --max-running-requests: the fit: 21 sequences of 8,192 tokens, 8 promised
# --chunked-prefill-size: the fit counts the activations of a step of so many tokens
# --mem-fraction-static: of what is free before loading: weights and cache, not activations and graphs
# --enable-lora: the fit counts 4 adapters of rank 16
# --max-loras-per-batch: the fit counts 4 adapters of rank 16, and one for none
# --max-lora-rank: the fit counts 4 adapters of rank 16
# --lora-target-modules: the fit counts every dense projection
# Note: meta-llama/Llama-3.1-8B-Instruct is gated: accept its licence on the Hugging Face hub and set HF_TOKEN, else the download ends with error 401 or 403.
# Note: Name the adapters with --lora-paths NAME=PATH, a word for each.
