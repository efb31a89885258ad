# make run: install, then the default experiment from its data to its report.
# make paper FOLDER=...: the tables and figures of the paper, from results or from the published release.
# make test: install, then all tests. Both need Python 3.11 or newer, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES ?= all
CONFIG ?= config.yaml
SNAKEMAKE = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakemake --cores $(CORES) --configfile "$(CONFIG)"

.PHONY: run report paper test lint format docs clean
.DEFAULT_GOAL := run

run: $(VENV)/run.stamp
	@$(BIN)/narrowgauge config "$(CONFIG)"
	@$(SNAKEMAKE) --logger narrowgauge
	@$(MAKE) --no-print-directory report
	@$(BIN)/narrowgauge results --config "$(CONFIG)"

report: $(VENV)/run.stamp
	@$(SNAKEMAKE) --workflow-profile none --logger narrowgauge --report "$$($(BIN)/narrowgauge results --config "$(CONFIG)" --report-path)"

paper: $(VENV)/run.stamp
	@$(if $(FOLDER),,$(error FOLDER is missing: make paper FOLDER=results/digits, or the folder of the published release))
	@$(BIN)/narrowgauge paper "$(FOLDER)"

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

docs: $(VENV)/run.stamp
	$(BIN)/python -m narrowgauge.config.docs

$(VENV)/run.stamp: pyproject.toml constraints.txt
	$(PYTHON) tools/create_environment.py $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	@touch $@

clean:
	rm -rf $(VENV) .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
