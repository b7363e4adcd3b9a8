# The commands of the project; each makes what it needs. `make help` lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help:            ## list the commands
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */  make \1\t/' | expand -t 16

# The machine must have python3 >= 3.10 with venv; without a C++ compiler the ziglang wheel is installed.
preflight:
	@command -v $(PYTHON) >/dev/null || { echo "hwacc: error: $(PYTHON) not found: install Python 3.10 or newer, or name one with PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "hwacc: error: $(PYTHON) is older than 3.10: install a newer one, or name one with PYTHON=" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "hwacc: error: $(PYTHON) has no venv: install it (Debian: apt install python3-venv)" >&2; exit 1; }

CXX_EXTRA := $(shell command -v "$${CXX:-g++}" >/dev/null 2>&1 || command -v clang++ >/dev/null 2>&1 || echo ,cxx)

$(VENV)/.demo: pyproject.toml constraints.txt | preflight
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "hwacc: installing the pinned dependencies into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo$(CXX_EXTRA)]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | preflight
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "hwacc: installing the pinned dependencies into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev$(CXX_EXTRA)]'
	@touch $@ $(VENV)/.demo

venv: $(VENV)/.dev  ## install everything that development needs into .venv

demo: $(VENV)/.demo  ## classify a picture on the simulated accelerator
	@$(BIN)/hwacc run examples/models/image_classification.tflite --input examples/pictures/chelsea.png --device sim --check

# Freed memory is overwritten, so that a use of it (the bindings of MLIR do not prevent one) fails every time, not now and then.
test: $(VENV)/.dev  ## run every test
	@MALLOC_PERTURB_=165 $(BIN)/python -m pytest -n 2 --dist worksteal

sim: $(VENV)/.dev  ## run the cocotb benches on Verilator
	@$(BIN)/python -m hwacc.sim.bench

bench: $(VENV)/.dev  ## measure the tables of docs/performance.md, which takes minutes
	@$(BIN)/python -m hwacc.commands.bench_record
	@$(BIN)/python -m hwacc.pages

fuzz: $(VENV)/.dev  ## random streams on the reference, the model and the RTL: TIME=seconds, SEED=number, REPLAY=file
	@$(BIN)/python -m tests.fuzz.run --time $(or $(TIME),60) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY))

programs: $(VENV)/.dev  ## random linalg programs through the compiler, on the model and the RTL: COUNT=number, SEED=number
	@HWACC_PROGRAMS=$(or $(COUNT),500) $(if $(SEED),HWACC_SEED=$(SEED)) $(BIN)/python -m pytest -q -s tests/compiler/test_random_programs.py

mutants: $(VENV)/.dev  ## plant faults in the RTL, one at a time: the fast tests must catch each (some minutes)
	@$(BIN)/python -m tests.mutants.run $(if $(SEED),--seed $(SEED))

formal: $(VENV)/.dev  ## prove the hardware: DEEP=1 further, ONLY=words for some
	@$(BIN)/python -m tests.formal.run $(if $(DEEP),--deep) $(if $(ONLY),--only '$(ONLY)')

area: $(VENV)/.dev  ## synthesise for an ECP5 and write the area figures of the documentation
	@$(BIN)/python -m hwacc.fpga.published

check: $(VENV)/.dev  ## format, lint, types, generated files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m hwacc.pages --check

docs: $(VENV)/.dev  ## write the generated pages
	@$(BIN)/python -m hwacc.pages

clean:           ## remove what was built here
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info

.PHONY: help preflight venv demo test sim bench fuzz programs mutants formal area check docs clean
