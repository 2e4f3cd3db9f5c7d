# Each target makes its own virtual environment when there is none.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
            $$p $(NEW_ENOUGH) 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-busy lab bench lint clean

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" && $(PYTHON) $(NEW_ENOUGH) || \
	  { echo "meshlab needs Python 3.11 or later; say where it is: make PYTHON=/path/to/python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing meshlab into $(VENV) (once; a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,dask]'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --only-binary :all: pyganak || \
	  echo "there is no model counter for this machine; only fault trees that are too wide for diagrams need it"
	@touch $@

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

lint: $(READY)
	@$(BIN)/ruff check src tests benchmarks scripts notebooks/source
	@$(BIN)/ruff format --check src tests benchmarks scripts notebooks/source
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

clean:
	rm -rf $(VENV) out .mypy_cache .pytest_cache .ruff_cache .hypothesis
