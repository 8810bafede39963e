# make <recipe>   set up .venv and run a project, e.g. make lstm_imdb        (ARGS="--epochs 5" for its flags)
# make test       set up .venv and run all tests
# make check      the fast tests: some four minutes on two cores

PYTHON ?= python3
VENV ?= .venv
PYTEST := $(VENV)/bin/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder
RECIPES := $(basename $(notdir $(wildcard dl100_tf/projects/[a-z]*.py)))

.PHONY: $(RECIPES) setup test check clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile
	@echo "recipes: $(RECIPES)"

setup: $(VENV)/.ready

$(VENV)/.ready: setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "dl100_tf needs Python 3.11 to 3.13: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing TensorFlow, Keras and the rest into $(VENV): about 2 GB, a few minutes ..."
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@

$(RECIPES): setup
	$(VENV)/bin/python -m dl100_tf.projects.$@ $(ARGS)

test: setup
	$(VENV)/bin/ruff check .
	$(PYTEST)

check: setup
	$(VENV)/bin/ruff check .
	$(PYTEST) -m 'not slow'

clean:
	rm -rf $(VENV) build *.egg-info cache .pytest_cache .ruff_cache
