# `make test` and `make audit` need Python 3.11, 3.12 or 3.13 and make, nothing else: each makes .venv if there is none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PYTEST_ARGS ?=
AUDIT_ARGS ?= --out build/audit $(addprefix --crosscheck ,$(wildcard build/crosscheck.json))
GPU_ARGS ?=
MINUTES ?= 9
RUNS ?= build/gpu-runs
MUTANTS ?=
PIP_ARGS ?=
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# An interpreter that was named is the only one tried; otherwise other names of the supported versions are tried too.
ifeq ($(origin PYTHON),file)
CANDIDATES := $(PYTHON) python3.13 python3.12 python3.11
else
CANDIDATES := $(PYTHON)
endif
SUPPORTED := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))

# The tests run in several processes, so each gets one BLAS thread.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

# JAX spends its time here on compiling.
FAST_COMPILE := JAX_DISABLE_MOST_OPTIMIZATIONS=1

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help test audit book mutants crosscheck devices nvrtc gpu gpu-dry gpu-reproduce lint format clean

help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do \
	    printf '  make %-13s %s\n' "$$name" "$$what"; done

test: lint ## ruff, mypy --strict, the test suite, and the unit suite on devices (WORKERS=2, PYTEST_ARGS=...)
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)
	@$(MAKE) --no-print-directory devices

audit: $(VENV)/.installed ## every check on the embedded defaults, report in build/audit (AUDIT_ARGS=...)
	$(BIN)/refimpl audit $(AUDIT_ARGS)

book: $(VENV)/.installed-docs ## the derivations as HTML in build/book, to be read without a network; their code is run
	rm -rf build/book build/book.doctrees
	$(ONE_THREAD) $(BIN)/python -m sphinx -q -W -E -b html -d build/book.doctrees derivations build/book
	$(ONE_THREAD) $(BIN)/python -m pytest -q tests/derivations/test_book.py
	@echo "build/book/index.html"

crosscheck: $(VENV)/.installed-crosscheck ## PyTorch, JAX and ONNX Runtime against refimpl, table in build/crosscheck.json
	$(FAST_COMPILE) $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) tests/frameworks
	$(FAST_COMPILE) $(ONE_THREAD) $(BIN)/python -m validation.frameworks --out build/crosscheck.json

mutants: $(VENV)/.installed-test ## mutation testing; fails on a survivor that is not listed (MUTANTS='refimpl.layers.lstm*')
	rm -rf mutants
	$(ONE_THREAD) $(BIN)/mutmut run --max-children $(WORKERS) $(MUTANTS)
	$(BIN)/python -m validation.mutants.compare

devices: $(VENV)/.installed-test ## the unit suite on read-only arrays and on the stand-in for CuPy, without a GPU
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --device readonly
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --device strict

nvrtc: $(VENV)/.installed-test ## compile every CUDA kernel for sm_90, where NVIDIA's compiler can be installed
	@if $(PIP_INSTALL) -e '.[test,nvrtc]'; then \
	    $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) tests/fast/cuda tests/devices/test_cuda_on_cpu.py; \
	else \
	    echo "make: NVRTC's wheels could not be installed here; the kernels were not compiled for sm_90"; \
	fi

# An interpreter that has CuPy is used as it is, so that a machine without a network can run this.
gpu: ## all that needs an NVIDIA GPU, record in validation/benchmarks (PYTHON=..., GPU_ARGS=...)
	@if "$(PYTHON)" -c 'import cupy' 2>/dev/null; then \
	    "$(PYTHON)" -m validation.gpu $(GPU_ARGS); \
	else \
	    $(MAKE) --no-print-directory $(VENV)/.installed-gpu && $(BIN)/python -m validation.gpu $(GPU_ARGS); \
	fi

gpu-dry: $(VENV)/.installed-test ## the same on the stand-in for CuPy, at tiny sizes, record in build/gpu (GPU_ARGS=...)
	$(ONE_THREAD) $(BIN)/python -m validation.gpu --dry $(GPU_ARGS)

gpu-reproduce: ## the papers' runs at paper size on a GPU, in pieces that resume (MINUTES=9, RUNS=build/gpu-runs)
	@if "$(PYTHON)" -c 'import cupy' 2>/dev/null; then \
	    "$(PYTHON)" -m validation.gpu.reproduce --minutes $(MINUTES) --runs $(RUNS); \
	else \
	    $(MAKE) --no-print-directory $(VENV)/.installed-gpu && \
	    $(BIN)/python -m validation.gpu.reproduce --minutes $(MINUTES) --runs $(RUNS); \
	fi

lint: $(VENV)/.installed-test ## ruff check, ruff format --check, mypy --strict
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy --strict refimpl

format: $(VENV)/.installed-test ## let ruff mend what it can
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

clean: ## remove .venv, build and every cache
	rm -rf $(VENV) build dist mutants *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find refimpl tests validation derivations -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@for python in $(CANDIDATES); do \
	    if "$$python" -c '$(SUPPORTED)' 2>/dev/null; then \
	        "$$python" -m venv --clear $(VENV) && exit 0; rm -rf $(VENV); exit 1; \
	    fi; \
	done; \
	echo "make: no Python 3.11, 3.12 or 3.13 (with venv and ensurepip) among: $(CANDIDATES)." >&2; \
	echo "make: name one, such as: make test PYTHON=/path/to/python3.12" >&2; exit 1

$(VENV)/.installed: pyproject.toml setup.py | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

# The test installation holds the other one, so that audit after test installs nothing.
$(VENV)/.installed-test: pyproject.toml setup.py | $(BIN)/python
	$(PIP_INSTALL) -e '.[test]'
	@touch $(VENV)/.installed $@

# PyPI's torch for Linux is the CUDA one; PIP_ARGS can name another index.
$(VENV)/.installed-crosscheck: pyproject.toml setup.py | $(BIN)/python
	$(PIP_INSTALL) $(PIP_ARGS) -e '.[test,crosscheck]'
	@touch $(VENV)/.installed $(VENV)/.installed-test $@

$(VENV)/.installed-docs: pyproject.toml setup.py | $(BIN)/python
	$(PIP_INSTALL) -e '.[test,docs]'
	@touch $(VENV)/.installed $(VENV)/.installed-test $@

$(VENV)/.installed-gpu: pyproject.toml setup.py | $(BIN)/python
	$(PIP_INSTALL) -e '.[test,cuda13]'
	@touch $(VENV)/.installed $(VENV)/.installed-test $@
