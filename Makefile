# Everything runs from a virtual environment in .venv, made on first use; it needs Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.demo-installed
DOCS_STAMP := $(VENV)/.docs-installed
JOBS ?= auto
SEED ?=
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) -m "not slow" $(if $(SEED),-p randomly -p "randomly_seed=$(SEED)")

.DEFAULT_GOAL := help
.PHONY: help demo demoprogram test again skipped winhandler windows cross s3server slow check format lint types platforms layers coverage generate generated docs fresh pythons wheels golden screenshots bench fuzz clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | awk -F'|' '{printf "  %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	@echo "Making a virtual environment in $(VENV) with all that the tests need: two minutes or so."
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/install.py -e '.[dev]'
	@touch $@

$(DEMO_STAMP): pyproject.toml
	@echo "Making a virtual environment in $(VENV) and installing crashtool in it: about a minute."
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python tools/install.py -e '.[serve]'
	@echo "Installing a disassembler and a crashpad_handler, if there are any for this machine."
	-@$(BIN)/python tools/install.py -e '.[disassembly]'
	-@$(BIN)/python tools/install.py -e '.[handler]'
	@touch $@

demo: $(if $(wildcard $(STAMP)),$(STAMP),$(DEMO_STAMP)) ## crash a program, receive its report, read it
	$(BIN)/python tools/demo.py

demoprogram: ## compile the program that the demo crashes
	cd tools/demo_program && gcc -g -O0 -std=c11 -nostdlib -ffreestanding -fno-stack-protector \
	  -fcf-protection=none -fPIE -pie -Wl,--build-id -Wl,-z,noseparate-code \
	  -fdebug-prefix-map="$$PWD"=. -o game game.c

test: $(STAMP) ## the whole test suite, in random order and in parallel
	$(PYTEST)

again: $(STAMP) ## the tests that failed last, one after the other
	$(BIN)/python -m pytest -q -n 0 -m "not slow" --last-failed --last-failed-no-failures none

skipped: $(STAMP) ## the tests that the last run skipped, when what they need has been installed
	$(PYTEST) --skipped-before

winhandler: $(STAMP) ## get the real crashpad_handler for Windows, for tests that run it under Wine
	$(BIN)/python tools/windows_handler.py

windows: $(STAMP) ## tests under a CPython for Windows, by Wine (100 MB to download, 20 minutes)
	$(BIN)/python tools/windows_python.py

cross: $(STAMP) ## get a compiler for Windows and macOS (100 MB), for tests of the code that scaffold writes
	$(BIN)/python tools/install.py -e '.[cross]'

s3server: $(STAMP) ## get an S3 server, for tests that keep symbols in one
	$(BIN)/python tools/s3_server.py

slow: $(STAMP) ## the tests that take minutes: 200 runs under each handler, floods
	$(BIN)/python -m pytest -q -n $(JOBS) -m slow

check: format lint types platforms layers generated coverage ## style, types, layers, generated files, tests

format: $(STAMP) ## is every file formatted?
	$(BIN)/ruff format --check .

lint: $(STAMP) ## ruff
	$(BIN)/ruff check .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

platforms: $(STAMP) ## mypy as on Windows and on macOS
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin

layers: $(STAMP) ## the layers and the gateways
	$(BIN)/lint-imports

coverage: $(STAMP) ## the test suite with branch coverage
	$(PYTEST) --cov --cov-report=term

generate: $(STAMP) ## write man pages, completions and the CLI reference
	$(BIN)/python tools/generate.py

generated: $(STAMP) ## are the generated files what the code says?
	$(BIN)/python tools/generate.py --check

$(DOCS_STAMP): $(STAMP)
	@echo "Installing mkdocs-material, which makes a site of docs/."
	@$(BIN)/python tools/install.py -e '.[docs]'
	@touch $@

docs: $(DOCS_STAMP) ## the documentation as a site in build/site, strictly: every link is checked
	$(BIN)/python tools/site.py

fresh: ## demo and test on Debian with Python, make and git alone, then with gcc, too (root, Linux)
	tools/fresh_machine.sh --then "gcc libc6-dev"

pythons: $(STAMP) ## the test suite under each other Python of this machine (but ELSEWHERE=3.11.2)
	$(BIN)/python tools/pythons.py $(if $(ELSEWHERE),--elsewhere $(ELSEWHERE)) -n $(JOBS)

wheels: $(STAMP) ## do all dependencies have wheels on every system and Python?
	$(BIN)/python tools/resolve_wheels.py

golden: $(STAMP) ## rewrite the transcripts of tests/commands
	$(BIN)/python -m pytest tests/commands/test_transcripts.py --rewrite-transcripts

screenshots: $(STAMP) ## rewrite the pictures in docs/images, of pages in a real browser
	$(BIN)/python -m pytest -q -n 0 tests/test_screenshots.py --rewrite-screenshots

bench: $(STAMP) ## measure against other tools, as ratios
	$(BIN)/python benchmarks/run.py

fuzz: $(STAMP) ## many more random damages to minidumps and debug files than the test suite makes
	CRASHTOOL_FUZZ=20000 $(BIN)/python -m pytest -q tests/formats/minidump/test_robustness.py
	CRASHTOOL_FUZZ=10000 $(BIN)/python -m pytest -q tests/services/symbols/test_damaged_debug_files.py
	CRASHTOOL_FUZZ=10000 $(BIN)/python -m pytest -q --timeout 3600 tests/formats/dwarf/test_hostile_shapes.py

clean: ## remove the environment and what tools left behind
	rm -rf $(VENV) .venvs .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* dist build
