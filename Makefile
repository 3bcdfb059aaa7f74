# The environment is made with uv, which pip installs; everything else comes from the hashed lock files.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_BOOTSTRAP := $(VENV)/.uv
UV := $(UV_BOOTSTRAP)/bin/uv
# Compiled modules are kept: without them each of the demo's processes compiles Prefect and boto3 anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: venv demo test check lint format lock clean

venv: $(VENV)/.installed

# pip installs uv into a small environment of its own, so that it is no part of what the product runs with.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m venv $(UV_BOOTSTRAP)
	$(UV_BOOTSTRAP)/bin/pip install --quiet --disable-pip-version-check uv

$(VENV)/.installed: requirements.lock pyproject.toml | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

demo: venv
	$(BIN)/evidence demo --dir demo

test: $(VENV)/.installed-dev
	tests/run

check: lint
	$(BIN)/lint-imports
	$(BIN)/pyright

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV)
	$(UV) pip compile pyproject.toml --group build --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 -o requirements.lock
	$(UV) pip compile pyproject.toml --group build --group dev -c requirements.lock --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 -o requirements-dev.lock

clean:
	rm -rf $(VENV) demo
