sglang serve \
  --model-path deepseek-ai/DeepSeek-R1 \
  --served-model-name deepseek-ai/DeepSeek-R1 \
  --host 0.0.0.0 \
  --port 30000 \
  --enable-metrics \
  --tp-size 8 \
  --pp-size 2 \
  --disable-overlap-schedule \
  --dtype bfloat16 \
  --kv-cache-dtype bfloat16 \
  --context-length 8192 \
  --max-running-requests 2048 \
  --chunked-prefill-size 8192 \
  --mem-fraction-static 0.799
--nnodes 2 --node-rank 1 --dist-init-addr LEADER:20000
# --served-model-name: what clients call it
# --host: every interface; serve.sh has 127.0.0.1, since it asks for no key
# --enable-metrics: else /metrics is missing
# --tp-size: the plan: tp8·pp2
# --pp-size: the plan: tp8·pp2
# --disable-overlap-schedule: stages and the schedule that runs ahead exclude each other
# --dtype: activations in 16 bits, as the fit counts them
# --kv-cache-dtype: the fit counts 16 bits a value
# --context-length: longest prompt and answer together
# --max-running-requests: the fit: 79 sequences of 8,192 tokens, 8 promised
# --chunked-prefill-size: the fit counts the activations of a step of so many tokens
# --mem-fraction-static: of what is free before loading: weights and cache, not activations and graphs
# Note: All machines need the same weights at the same path, and the same version of SGLang.
