sglang serve \
  --model-path meta-llama/Llama-3.3-70B-Instruct \
  --served-model-name meta-llama/Llama-3.3-70B-Instruct \
  --host 0.0.0.0 \
  --port 30000 \
  --enable-metrics \
  --tp-size 4 \
  --pp-size 1 \
  --dtype bfloat16 \
  --kv-cache-dtype bfloat16 \
  --context-length 8192 \
  --max-running-requests 2048 \
  --chunked-prefill-size 8192 \
  --mem-fraction-static 0.817 \
  --speculative-algorithm STANDALONE \
  --speculative-draft-model-path meta-llama/Llama-3.2-1B-Instruct \
  --speculative-num-steps 5 \
  --speculative-eagle-topk 1 \
  --speculative-num-draft-tokens 6
# --served-model-name: what clients call it
# --host: every interface; serve.sh has 127.0.0.1, since it asks for no key
# --enable-metrics: else /metrics is missing
# --tp-size: the plan: tp4
# --pp-size: the plan: tp4
# --dtype: activations in 16 bits, as the fit counts them
# --kv-cache-dtype: the fit counts 16 bits a value
# --context-length: longest prompt and answer together
# --max-running-requests: the fit: 43 sequences of 8,192 tokens, 8 promised
# --chunked-prefill-size: the fit counts the activations of a step of so many tokens
# --mem-fraction-static: of what is free before loading: weights and cache, not activations and graphs
# --speculative-algorithm: 5 tokens drafted a step
# --speculative-draft-model-path: holds the layers that draft
# --speculative-num-steps: 5 tokens drafted a step
# --speculative-eagle-topk: a chain, which every kernel takes
# --speculative-num-draft-tokens: 5 tokens drafted a step
# Note: meta-llama/Llama-3.3-70B-Instruct is gated: accept its licence on the Hugging Face hub and set HF_TOKEN, else the download ends with error 401 or 403.
