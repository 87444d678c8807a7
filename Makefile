# Everything runs in .venv; a clean machine needs Python 3.11 or newer with venv, and on a bare server libgl1 (deploy/system-packages.sh).
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
BROWSER := .venv/.browser# what tests need beside: a Chromium and what drives it, and a Syncthing
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder# most wait for a daemon; the longest files come first

.PHONY: install demo test check format

install: $(STAMP)

$(STAMP): pyproject.toml deploy/constraints.txt deploy/system-packages.sh
	sh deploy/system-packages.sh
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable '.[dev]'
	touch $(STAMP)

$(BROWSER): $(STAMP)
	sh deploy/system-packages.sh browser
	sh deploy/system-packages.sh syncthing
	$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable '.[browser]'
	touch $(BROWSER)

demo: install
	$(BIN)/python deploy/demo.py

test: $(BROWSER)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

check: $(BROWSER)
	$(BIN)/ruff format --check service tests deploy
	$(BIN)/ruff check service tests deploy
	$(BIN)/mypy
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

format: install
	$(BIN)/ruff check --fix service tests deploy
	$(BIN)/ruff format service tests deploy
