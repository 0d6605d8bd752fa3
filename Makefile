# All commands of this project. `make help` lists them.
#
# They need Python 3.11 or later and make. The packages are installed into .venv, by uv if it is installed and by pip if
# not. They are installed again when pyproject.toml or constraints.txt has changed.

PYTHON ?= python3
VENV   ?= .venv

# Threads that wait for each other should spin briefly and then sleep. By default they spin for so long that a chapter
# takes several times as long on a busy machine.
export GOMP_SPINCOUNT ?= 30000

BIN       := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup book test pictures lab notebooks measure results reliability slides students diagrams lint clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F '|' '{ printf "  %-16s %s\n", $$1, $$2 }'

setup: $(INSTALLED)  ## create .venv and install the course into it (the other targets do this by themselves)

# Sphinx reads only what has changed. After a warning everything is read again, or the next call would not show it.
book: $(INSTALLED)  ## build the site into _build/html, from the outputs stored in the notebooks
	$(BIN)/jupyter-book build . -W -n --keep-going || { rm -rf _build/.doctrees; exit 1; }

# Tests run on all cores, each test and each notebook on one core. Networks this small gain little from a second thread,
# and lose much when two threads wait for each other on a busy machine.
test: $(INSTALLED) pictures  ## run all tests: those of the library, then every notebook against its stored outputs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope --nbval --nbval-current-env tests notebooks

# The pictures are drawn here with a progress bar, because the chapters load them without one.
pictures: $(INSTALLED)
	$(BIN)/vaelib prepare faces --size 32
	$(BIN)/vaelib prepare objects

LAB_SETTINGS := $(VENV)/share/jupyter/lab/settings
NO_NEWS      := "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}
PREVIEW      := "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}}

# JupyterLab starts in this folder, because the chapters link to pages and drawings in book/. Pages open as they are meant
# to be read. The kernel keeps the version of Python to itself: JupyterLab would write it into every chapter it opens.
KERNEL_SETTINGS := $(VENV)/etc/ipython
NO_VERSION      := from ipykernel.ipkernel import IPythonKernel; IPythonKernel.language_info.pop("version", None)

lab: $(INSTALLED) pictures  ## open the notebooks in JupyterLab, without its requests for news and updates
	@mkdir -p $(LAB_SETTINGS) && echo '{$(NO_NEWS), $(PREVIEW)}' > $(LAB_SETTINGS)/overrides.json
	@mkdir -p $(KERNEL_SETTINGS) && echo '$(NO_VERSION)' > $(KERNEL_SETTINGS)/ipython_kernel_config.py
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

notebooks: $(INSTALLED) pictures  ## execute all notebooks again, in place
	$(BIN)/python -m notebooks.execute

measure: $(INSTALLED) pictures  ## run all chapters on five seeds, and record their times and claims (an hour)
	$(BIN)/python -m notebooks.measure

results: $(INSTALLED)  ## write the pages that are made from recorded files again
	$(BIN)/python -m pages.results
	$(BIN)/python -m pages.gallery
	$(BIN)/python -m pages.status
	$(BIN)/python -m pages.reliability
	$(BIN)/python -m pages.references

# The record is continued: rows that are whole stay as they are, unless the option --again is given. The 20 runs of the
# notebooks' tests take hours: python -m benchmarks.reliability --stage notebooks
reliability: $(INSTALLED)  ## hostile inputs, kills, full disks and lost processes, and the page on them (two hours)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.reliability
	$(BIN)/python -m pages.reliability

diagrams: $(INSTALLED)  ## draw the diagrams of the book again
	$(BIN)/python -m pages.diagrams

slides: $(INSTALLED)  ## write a deck of slides for each chapter into _build/slides
	$(BIN)/python -m notebooks.slides

students: $(INSTALLED)  ## write the notebooks for a class, without solutions, and for instructors, into _build
	$(BIN)/python -m notebooks.editions

lint: $(INSTALLED)  ## check style and formatting of code and notebooks, types, floors and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

clean:  ## remove what was built (not .venv, and not the data in your cache folder)
	rm -rf _build .pytest_cache .ruff_cache
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp marks a finished installation. A stopped one leaves no stamp, and the next call continues it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This needs Python 3.11 or later, and $(PYTHON) is not: name another one, as in: make PYTHON=python3.12" >&2; \
	  exit 1; }
	@if command -v uv > /dev/null; then \
	  set -x; \
	  test -x $(BIN)/python || uv venv --seed --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV); \
	  uv pip install --python $(BIN)/python --constraint constraints.txt --editable '.[course,test]'; \
	else \
	  set -x; \
	  $(PYTHON) -m venv $(VENV) && \
	  $(BIN)/python -m pip install --constraint constraints.txt --editable '.[course,test]'; \
	fi
	@touch $@
