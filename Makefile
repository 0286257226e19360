# Needs make and a Python >= 3.11 (with its venv module); everything else goes into $(VENV).

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# A place for Matplotlib's font cache even where HOME cannot be written.
MPLCONFIGDIR ?= $(abspath $(VENV))/matplotlib
export MPLCONFIGDIR

.DELETE_ON_ERROR:
.PHONY: help demo test test-all coverage lint docs bench gpu-bundle clean distclean

help:
	@echo 'make demo       two spectra of real events, their derivatives, a fit (ARGS="..." is passed on)'
	@echo 'make test       lint, then the everyday tests (ARGS="..." is passed to pytest)'
	@echo 'make test-all   lint, then all tests in full depth (PART=2/3 runs the second third)'
	@echo 'make coverage   the everyday tests, and which lines they run'
	@echo 'make lint       ruff, mypy, import-linter'
	@echo 'make docs       build the site in build/site, running every block of its pages'
	@echo 'make bench      run the CPU benchmarks (ARGS="..." is passed on)'
	@echo 'make gpu-bundle collect what a bare machine with a GPU needs for bench/gpu.sh, in build/gpu'
	@echo 'make clean      remove caches and build outputs'
	@echo 'make distclean  remove $(VENV) as well'
	@echo
	@echo 'The first call makes an environment in $(VENV) with the newest of python3.13, python3.12,'
	@echo 'python3.11 and python3 that is there; PYTHON=... names another one.'

demo: $(VENV)/.demo-installed
	@$(BIN)/python -m dualak.demo $(ARGS)

# One process for each core, and one thread in each of them.
PYTEST := DUALAK_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadgroup
PART ?=

test: lint
	$(PYTEST) $(ARGS)

test-all: lint
	DUALAK_TESTS=all DUALAK_PART=$(PART) $(PYTEST) $(ARGS)

coverage: $(VENV)/.test-installed
	$(PYTEST) --cov=dualak --cov=bridge --cov-report=term-missing:skip-covered $(ARGS)

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.docs-installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site $(ARGS)
	@echo 'open build/site/index.html'

bench: $(VENV)/.test-installed
	$(BIN)/python -m bench cpu $(ARGS)

gpu-bundle: $(VENV)/.test-installed
	$(BIN)/python -m bench.bundle build/gpu

clean:
	rm -rf build dist demo-output .coverage .hypothesis .nox .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find dualak bridge bench tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf $(VENV)

# ---- the environment; a stamp says which extras it holds ----

EXTRAS_demo := demo
EXTRAS_docs := docs
EXTRAS_test := test,demo,dev

$(VENV)/.%-installed: pyproject.toml $(BIN)/python
	@echo 'installing dualak[$(EXTRAS_$*)] into $(VENV) (a minute or two the first time)'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[$(EXTRAS_$*)]'
	@touch $@

# Candidates are run, not only looked up: a name on the PATH may be a stub, or lack venv.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "making $(VENV) with $$($$python --version) ($$python)"; \
	    exec $$python -m venv --clear $(VENV); \
	  fi; \
	done; \
	echo 'No Python >= 3.11 with the venv and ensurepip modules among: $(or $(PYTHON),python3.13 python3.12 python3.11 python3).' >&2; \
	echo 'Install one (Debian and Ubuntu: python3 and python3-venv), or name one: make PYTHON=/path/to/python ...' >&2; \
	exit 1
