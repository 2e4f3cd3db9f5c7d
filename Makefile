# Each target makes its own virtual environment when there is none.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
            $$p $(NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-busy lab bench fuzz lint lock wheel-check clean

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALLED := locks/dev.txt locks/counting.txt locks/compare.txt

# Every file in locks/ demands the hash of each package; what is not what was locked is not installed.
$(READY): pyproject.toml $(INSTALLED)
	@test -n "$(PYTHON)" && $(PYTHON) $(NEW_ENOUGH) || \
	  { echo "meshlab needs Python 3.11 or later; say where it is: make PYTHON=/path/to/python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing meshlab into $(VENV) (once; a few minutes)"
	@$(PIP) --no-deps -r locks/dev.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(call optional,counting) || \
	  echo "there is no model counter for this machine; only fault trees that are too wide for diagrams need it"
	@$(call optional,compare) || \
	  echo "there is no CUDD for this machine; only a test and a benchmark that compare with it need it"
	@touch $@

# What not every machine can have: it may be missing, but a package that is not what was locked stops everything.
optional = $(PIP) --no-deps --no-build-isolation -r locks/$(1).txt 2>$(VENV)/$(1).log || \
	  { ! grep -q 'DO NOT MATCH THE HASHES' $(VENV)/$(1).log || { cat $(VENV)/$(1).log >&2; exit 1; }; false; }

demo: $(READY)
	@$(BIN)/meshlab demo

# Most tests wait for real processes, so three files at a time suit two cores; the longest come first (tests/conftest.py).
# ONLY is handed on: make test ONLY="tests/live -k tunnel".
PYTEST = $(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder $(ONLY)

test: $(READY)
	@$(PYTEST)

# Beside four spinning processes per processor: what is right there as well does not count on being quick.
test-busy: $(READY)
	@$(BIN)/python scripts/busy.py $(PYTEST)

lab: $(READY)
	@$(BIN)/meshlab lab

bench: $(READY)
	@$(BIN)/python benchmarks

# Spoils COUNT sound files and takes each as the commands do; a failure says how it is tried again.
fuzz: $(READY)
	@$(BIN)/python tests/fuzz/fuzz.py --count $(or $(COUNT),10000) --seed $(or $(SEED),1)

lint: $(READY)
	@$(BIN)/ruff check src tests benchmarks scripts notebooks/source
	@$(BIN)/ruff format --check src tests benchmarks scripts notebooks/source
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# Takes uv and the package index; scripts/lock.py --upgrade takes newer versions.
lock:
	@$(PYTHON) scripts/lock.py

# Takes the package index: the built wheel alone, and with each extra, in environments of their own.
wheel-check: $(READY)
	@$(BIN)/python scripts/wheel_check.py

clean:
	rm -rf $(VENV) out .mypy_cache .pytest_cache .ruff_cache .hypothesis
