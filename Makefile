# Everything runs in .venv, which is made here; nothing is installed outside this folder.
# PYTHON=/path/to/python3.12 make ...   takes that Python instead of the first suitable one.

VENV := .venv
BIN := $(VENV)/bin
CANDIDATES := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --use-pep517

.DEFAULT_GOAL := help
.PHONY: help demo test laws fuzz bench bench-values bench-store bench-workflows bench-loops reference lab lint clean
.DELETE_ON_ERROR:

help:  ## show the targets
	@echo "Perdure: durable Jupyter notebooks"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-22s%s\n", $$1, $$2 }'

demo: $(VENV)/.with-demo  ## run notebooks/flights.ipynb, kill its kernel, and see it pick up (about 2 minutes)
	@$(BIN)/perdure demo

test: $(VENV)/.with-demo $(VENV)/.with-test  ## run all tests
	@$(BIN)/python -m pytest

laws: $(VENV)/.with-demo $(VENV)/.with-test  ## try thirty times as many random workflows, killed anywhere (about half an hour)
	@PERDURE_LAWS=30 $(BIN)/python -m pytest --timeout 3600 tests/laws/test_workflow_laws.py tests/laws/test_kill_laws.py tests/laws/test_ownership_laws.py

fuzz: $(VENV)/.with-test  ## feed two million altered values to the decoder (about 12 minutes)
	@PYTHONPATH=tests $(BIN)/python -m fuzz.campaign --count 2000000

bench: bench-values bench-store bench-workflows bench-loops  ## run all benchmarks

bench-values: $(VENV)/.with-demo $(VENV)/.with-bench  ## compare the codec with others, into docs/benchmarks.md (about 6 minutes)
	@PYTHONPATH=tests $(BIN)/python -m bench.values

bench-store: $(VENV)/.peers  ## compare the store with others, into docs/benchmarks.md (about 15 minutes, 10 GB of disk)
	@PYTHONPATH=tests $(VENV)/peers/bin/python -m bench.store --folder $(VENV)

bench-workflows: $(VENV)/.with-test  ## measure what workflows cost, into docs/benchmarks.md (about 1 minute)
	@PYTHONPATH=tests $(BIN)/python -m bench.workflows --folder $(VENV)

bench-loops: $(VENV)/.with-demo $(VENV)/.with-bench  ## measure what keeping costs a loop, into docs/benchmarks.md (about 15 minutes)
	@PYTHONPATH=tests $(BIN)/python -m bench.loops --write

reference: $(VENV)/.with-demo $(VENV)/.with-test  ## write docs/reference/values.md from the tables of the codec
	@PYTHONPATH=tests $(BIN)/python -m docs.values

lab: $(VENV)/.with-demo $(VENV)/.with-lab  ## open JupyterLab on notebooks/ with the kernel "Python 3 (Perdure)"
	@$(BIN)/perdure install-kernel --sys-prefix
	@$(BIN)/python -m jupyterlab --notebook-dir=notebooks

lint: $(VENV)/.with-demo $(VENV)/.with-test $(VENV)/.with-lint  ## check style, types and floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:  ## remove .venv and what tools have cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# One stamp for each set of packages: pip runs again only when pyproject.toml changed.
$(VENV)/.with-%: pyproject.toml $(VENV)/.made
	@echo "Installing perdure[$*] into $(VENV) ..."
	@$(PIP) --editable ".[$*]"
	@touch $@

# What the store is compared with has a venv of its own, with Perdure in it.
$(VENV)/.peers: pyproject.toml tests/bench/peers.txt $(VENV)/.made
	@echo "Installing what the store is compared with into $(VENV)/peers ..."
	@$(BIN)/python -m venv $(VENV)/peers
	@$(VENV)/peers/bin/python -m pip --disable-pip-version-check install --quiet --editable . --requirement tests/bench/peers.txt
	@touch $@

# The stamp comes last, so that a venv that was interrupted half-way is made again.
$(VENV)/.made:
	@for python in $(CANDIDATES); do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Making $(VENV) with $$("$$python" --version) ..."; \
	        "$$python" -m venv $(VENV) && touch $@; \
	        exit; \
	    fi; \
	done; \
	echo "No suitable Python among: $(CANDIDATES)." >&2; \
	echo "Perdure needs Python 3.11 or newer with venv and pip (on Debian: apt install python3-venv)." >&2; \
	echo "Name one by hand with: make PYTHON=/path/to/python" >&2; \
	exit 1
