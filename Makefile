# `make run` brings a fresh clone to the report; `make test` and `make lint` are what CI runs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := run
.PHONY: run test lint serve docs site bench hooks rehearse lock sbom clean

PYTHON := $(shell for p in python3.11 python3; do $$p -c "import venv" 2> /dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
# Nothing here may call home.
export GX_ANALYTICS_ENABLED := false
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1

run: .venv
	$(BIN)/tracer-etl run

# Two processes, a file each, in the order of the files: the two long ones (histories) then run side by side.
test: .venv
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: .venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Prefect's server and a worker, with the schedules of prefect.yaml; see docs/how-to/run-on-schedule.md.
serve: .venv
	flows/serve.sh

docs: .venv
	$(BIN)/python tests/test_docs.py

# The pages of docs/ as a site that opens without a network; a warning is an error.
site: .venv
	$(BIN)/sphinx-build -q -W --keep-going -n -d var/site.doctrees -b html docs var/site
	@echo "var/site/index.html"

# 100,000 submissions beside DuckDB and pandas, 5,000 beside the peers (from PyPI, once); docs/explanation/benchmarks.md has more.
bench: .venv
	$(BIN)/python bench/build_load.py 100000
	$(BIN)/python bench/from_kobo.py 5000

# git diff shows what changed in a workbook; see docs/how-to/read-a-form-diff.md.
hooks: .venv
	git config diff.xlsform.textconv "$(BIN)/python -m tracer_etl.markdown"

# What is inside a release, by name, version and licence, as CycloneDX.
sbom: .venv
	mkdir -p dist
	$(BIN)/cyclonedx-py environment --output-reproducible --of JSON --pyproject pyproject.toml -o dist/sbom.cdx.json $(BIN)/python

rehearse: .venv
	$(BIN)/tracer-etl rehearse

# Old until its install is complete, so that one that broke off is made again.
.venv: requirements.lock
	@echo "Installing what requirements.lock names into .venv, once: minutes without a word"
	$(PYTHON) -m venv .venv
	touch -t 200001010000 .venv
	$(BIN)/pip install -q --require-hashes -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch .venv

# Keeps what is locked unless pyproject.toml forbids it; delete requirements.lock first to take the newest.
# pip reads "name[extra]==1" as no pin of plain "name" under --require-hashes, so the lock gets both lines.
lock:
	uv pip compile -q --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --all-extras pyproject.toml -o requirements.lock > /dev/null
	awk '/^[a-z0-9._-]+\[/ { bare = $$0; sub(/\[[^]]*\]/, "", bare); print; next } \
	  bare != "" { print; bare = bare "\n" $$0; if ($$0 !~ /\\$$/) { print bare; bare = "" }; next } \
	  { print }' requirements.lock > requirements.both
	mv requirements.both requirements.lock

clean:
	rm -rf var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
