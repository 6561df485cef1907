sglang serve \
  --model-path Qwen/Qwen3-235B-A22B-FP8 \
  --served-model-name Qwen/Qwen3-235B-A22B-FP8 \
  --host 0.0.0.0 \
  --port 30000 \
  --enable-metrics \
  --tp-size 8 \
  --pp-size 1 \
  --attn-dp-size 4 \
  --ep-size 8 \
  --dtype bfloat16 \
  --kv-cache-dtype bfloat16 \
  --context-length 8192 \
  --max-running-requests 8192 \
  --chunked-prefill-size 8192 \
  --mem-fraction-static 0.78
# --served-model-name: what clients call it
# --host: every interface; serve.sh has 127.0.0.1, since it asks for no key
# --enable-metrics: else /metrics is missing
# --tp-size: the plan: tp2·dp4, 4 groups of 2
# --pp-size: the plan: tp2·dp4
# --attn-dp-size: the plan: tp2·dp4: groups attend to separate sequences
# --ep-size: whole experts are dealt over 8 cards
# --dtype: activations in 16 bits, as the fit counts them
# --kv-cache-dtype: the fit counts 16 bits a value
# --context-length: longest prompt and answer together
# --max-running-requests: the fit: 160 sequences of 8,192 tokens, 8 promised, over 4 groups
# --chunked-prefill-size: the fit counts the activations of a step of so many tokens, over 4 groups
# --mem-fraction-static: of what is free before loading: weights and cache, not activations and graphs
