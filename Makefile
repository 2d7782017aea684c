# make help lists the targets.
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
ARGS   ?=
export VENV PYTHON

.PHONY: help setup demo test check format bench bench-setup policy policy-tasks evaluate clean
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/.installed: setup.py constraints.txt scripts/setup.sh
	@./scripts/setup.sh

setup: $(VENV)/.installed  ## system packages, virtual environment, pinned Python packages

demo: setup  ## the ROS graph against MuJoCo with the shipped policy: table, report.json and pictures in runs/demo
	@$(BIN)/dynarend demo $(ARGS)

test: setup  ## all tests
	@$(BIN)/python -m pytest $(ARGS)

check: setup  ## format, lint, types, import contracts: exactly what CI runs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup  ## format and fix what can be fixed
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## timings of fusion, policy, pretraining and simulator into runs/bench.json; with Open3D beside ours after make bench-setup
	@if [ -x $(VENV)-bench/bin/python ]; then $(VENV)-bench/bin/python -m dynarend_core.commands bench \
	  --json runs/bench.json $(ARGS); else $(BIN)/dynarend bench --json runs/bench.json $(ARGS); fi

bench-setup: setup  ## Open3D, with which make bench compares, in an environment beside .venv
	@$(PYTHON) -m venv $(VENV)-bench
	@$(VENV)-bench/bin/python -m pip install -q -c constraints.txt open3d-cpu
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_paths()['purelib'])" > \
	  "$$($(VENV)-bench/bin/python -c "import sysconfig; print(sysconfig.get_paths()['purelib'])")/beside.pth"

policy: setup  ## demonstrations and training of the shipped policy (three hours on two cores)
	@./scripts/train_shipped_policy.sh

policy-tasks: setup  ## demonstrations and training of the eighteen-task policy (four hours on two cores)
	@./scripts/train_tasks_policy.sh

evaluate: setup  ## 25 unseen episodes a task with the shipped policy into runs/evaluate.json
	@$(BIN)/dynarend evaluate --episodes 25 --json runs/evaluate.json $(ARGS)

clean:  ## remove the virtual environment and caches (data/ and runs/ stay)
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache
