vllm serve meta-llama/Llama-3.3-70B-Instruct \
  --served-model-name meta-llama/Llama-3.3-70B-Instruct \
  --host 0.0.0.0 \
  --port 8000 \
  --tensor-parallel-size 4 \
  --pipeline-parallel-size 1 \
  --dtype bfloat16 \
  --kv-cache-dtype bfloat16 \
  --max-model-len 8192 \
  --max-num-seqs 1024 \
  --max-num-batched-tokens 8192 \
  --enable-chunked-prefill \
  --gpu-memory-utilization 0.92 \
  --enable-prefix-caching \
  --speculative-config '{"method":"draft_model","model":"meta-llama/Llama-3.2-1B-Instruct","num_speculative_tokens":5}'
# --served-model-name: what clients call it
# --host: every interface; serve.sh has 127.0.0.1, since it asks for no key
# --tensor-parallel-size: the plan: tp4
# --pipeline-parallel-size: the plan: tp4
# --dtype: activations in 16 bits, as the fit counts them
# --kv-cache-dtype: the fit counts 16 bits a value
# --max-model-len: longest prompt and answer together
# --max-num-seqs: the fit: 53 sequences of 8,192 tokens, 8 promised
# --max-num-batched-tokens: the fit counts the activations of a step of so many tokens
# --enable-chunked-prefill: longer prompts are cut into steps of that size
# --gpu-memory-utilization: of the whole card: weights, activations, graphs and cache
# --enable-prefix-caching: prompts that begin alike share their cache
# --speculative-config: 5 tokens drafted a step
# Note: meta-llama/Llama-3.3-70B-Instruct is gated: accept its licence on the Hugging Face hub and set HF_TOKEN, else the download ends with error 401 or 403.
