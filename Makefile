# Two commands: `make run` does the main job on the embedded sample; `make test` checks everything.
# Both set the environment up by themselves. They need Python 3.11, make and a C library.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
CACHE  := .cache
RUNS   := runs
# mypy does not read how setup.py maps the folders to packages: here they lie as they are imported.
TYPES  := $(CACHE)/types
FOLDERS := pipeline trainer components schemas serving
DATA   ?= data
# Two small packages come as source alone. Where there is no compiler, Zig's, which ships in a wheel, builds them.
LOCKS  := bootstrap.lock requirements.lock $(if $(shell command -v c++),,compiler.lock)
ZIG    := $(abspath $(BIN))/python -m ziglang
COMPILER := $(if $(shell command -v c++),,\
  $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r compiler.lock && \
  CC="$(ZIG) cc" CXX="$(ZIG) c++" LDSHARED="$(ZIG) cc -shared" LDCXXSHARED="$(ZIG) c++ -shared")

export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYTHONUNBUFFERED = 1

.PHONY: run lint test docs check-data check-jax lock clean

run: $(READY)          ## videos to a served captioner, on the embedded sample
	$(BIN)/topiclens run --preset sample --root $(RUNS)/sample --caption-held-out

lint: $(READY)         ## style, format and types
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	rm -rf $(TYPES)/topiclens && mkdir -p $(TYPES)/topiclens
	ln -sfn $(addprefix $(CURDIR)/,$(wildcard topiclens/*.py) $(FOLDERS)) $(TYPES)/topiclens
	cd $(TYPES) && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml

test: lint             ## style and types, then every fast, hermetic test
	$(BIN)/python -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

docs: $(READY)         ## the documentation as a site in .cache/site; any warning fails
	$(BIN)/python docs/generate.py
	$(BIN)/uv venv --quiet --allow-existing $(CACHE)/docs
	$(BIN)/uv pip sync --quiet --python $(CACHE)/docs/bin/python --require-hashes docs.lock
	NO_MKDOCS_2_WARNING=1 $(CACHE)/docs/bin/mkdocs build --strict --quiet

check-data: $(READY)   ## the slow checks, on the real data that DATA names
	TOPICLENS_DATA=$(abspath $(DATA)) $(BIN)/python -m pytest -m data

check-jax:             ## the captioner on JAX, in an environment of its own
	$(PYTHON) -m venv $(CACHE)/jax
	$(CACHE)/jax/bin/python -m pip install --quiet --disable-pip-version-check \
	  keras==3.6.0 jax==0.4.30 jaxlib==0.4.30 numpy==1.26.4 "scipy<1.14" h5py pytest
	$(CACHE)/jax/bin/python -m pytest tests/trainer/test_jax.py

$(READY): requirements.lock bootstrap.lock setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	$(COMPILER) $(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes $(LOCKS)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

lock:                  ## renew requirements.lock after a change of setup.py
	$(BIN)/uv pip compile setup.py --extra test --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --python-version 3.11 --output-file requirements.lock
	$(BIN)/uv pip compile docs/requirements.in --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --python-version 3.11 --output-file docs.lock

clean:                 ## everything that the two commands made
	rm -rf $(VENV) $(CACHE) $(RUNS)
