# make demo and make test set up all they need in .venv; a second time they install nothing.
# So that a virtual environment whose making failed is made anew.
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell nproc 2>/dev/null || echo 2)

.PHONY: demo test test-all bench lint types docs pictures help clean

help:
	@echo "make demo      segment real recordings, in demo/watch and demo/video"
	@echo "make test      the tests (minutes)"
	@echo "make test-all  the tests, the slow ones too"
	@echo "make bench     how fast it is, in results/benchmarks.json (python -m benchmarks -h for more)"
	@echo "make lint      ruff"
	@echo "make types     mypy"
	@echo "make docs      these documents as a site, in build/site; runs the notebooks, finds dead links"
	@echo "make pictures  the documents' pictures of the page, from the demos; needs chromium"
	@echo "make clean     remove .venv, demo, build and results"

demo: $(VENV)/.demo
	$(BIN)/asot demo --out demo/watch
	$(BIN)/asot demo --video --out demo/video

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal -m "not slow"

test-all: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks --out results/benchmarks.json

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.docs demo/watch/page/index.html
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env -d build/doctrees docs build/site
	$(BIN)/python docs/check_site.py build/site
	@echo "See build/site/index.html"

pictures: $(VENV)/.dev demo/watch/page/index.html demo/video/page/index.html
	$(BIN)/python docs/pictures.py

demo/watch/page/index.html: | $(VENV)/.demo
	$(BIN)/asot demo --out demo/watch

demo/video/page/index.html: | $(VENV)/.demo
	$(BIN)/asot demo --video --out demo/video

clean:
	rm -rf $(VENV) demo build results

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The stamps are older than pyproject.toml when the dependencies may have changed.
$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[demo,elan]"
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
# Without its OpenCV, which would hold NumPy back; these are what its check of labels imports.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt appdirs httpx jsf lxml pyjwt ujson xmljson
	$(BIN)/python -m pip install --quiet --no-deps label-studio-sdk==2.1.2
	touch $@ $(VENV)/.demo

$(VENV)/.docs: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[docs]"
	touch $@ $(VENV)/.demo
