sglang serve \
  --model-path deepseek-ai/DeepSeek-R1 \
  --served-model-name deepseek-ai/DeepSeek-R1 \
  --host 0.0.0.0 \
  --port 30000 \
  --enable-metrics \
  --tp-size 8 \
  --pp-size 1 \
  --dtype bfloat16 \
  --kv-cache-dtype fp8_e4m3 \
  --context-length 8192 \
  --max-running-requests 2048 \
  --chunked-prefill-size 8192 \
  --mem-fraction-static 0.893
# --served-model-name: what clients call it
# --host: every interface; serve.sh has 127.0.0.1, since it asks for no key
# --enable-metrics: else /metrics is missing
# --tp-size: the plan: tp8
# --pp-size: the plan: tp8
# --dtype: activations in 16 bits, as the fit counts them
# --kv-cache-dtype: the fit counts 8 bits a value
# --context-length: longest prompt and answer together
# --max-running-requests: the fit: 164 sequences of 8,192 tokens, 8 promised
# --chunked-prefill-size: the fit counts the activations of a step of so many tokens
# --mem-fraction-static: of what is free before loading: weights and cache, not activations and graphs
# Note: The checkpoint brings no scales for a KV cache in FP8, so the engine takes 1.0: compare answers with those of a 16-bit cache before use.
