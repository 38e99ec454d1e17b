# Two commands do everything: `make lab` opens the course, `make test` checks it.
PYTHON ?= python3 python3.13 python3.12 python3.11 python3.14 python
VENV ?= .venv
BIN = $(VENV)/bin
SITE = .venv-site
LOCK = tests/environments/tested.txt

export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help lab test test-copy walk test-browser style refresh italian present slides handouts site test-site donors grids bench answer accelerator bench-notebooks bench-recipes claims publish lock clean \
  test-colab test-colab-tpu test-kaggle test-kaggle-tpu test-binder test-jax test-newest test-oldest

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

lab: $(VENV)/.ready ## open the course in JupyterLab
	$(BIN)/jupyter lab $(LAB_OPTIONS) notebooks/00_start_here.ipynb

present: $(VENV)/.ready ## open the course, or NOTEBOOK=path, as slides in JupyterLab
	@rm -rf build/present && mkdir -p build && cp -r docs/slides/lab build/present
	JUPYTERLAB_SETTINGS_DIR=build/present JUPYTERLAB_WORKSPACES_DIR=build/present/workspaces \
	  $(BIN)/jupyter lab $(LAB_OPTIONS) $(or $(NOTEBOOK),notebooks/00_start_here.ipynb)

slides: $(SITE)/.ready ## write HTML slides that need no network into build/slides
	$(SITE)/bin/python docs/slides/build.py

handouts: $(VENV)/.ready ## write build/handouts: all lessons, or NOTEBOOK=path, without solutions and notes, to print
	$(BIN)/python docs/handouts.py $(NOTEBOOK)

site: $(SITE)/.ready ## write the executed course, to read without a network, and notebooks 0 to 2, to run in a browser, into build/site
	$(SITE)/bin/python docs/site/build.py
	$(SITE)/bin/python docs/site/lite.py

test-site: slides site ## check both with Chromium: overflow, accessibility, network requests
	$(SITE)/bin/python docs/look.py slides --pictures build/pictures
	$(SITE)/bin/python docs/look.py site
	$(SITE)/bin/python docs/site/lite.py look

test: $(VENV)/.ready ## run every check: style, unit tests, claims, all notebooks
	BIN=$(BIN) bash tests/run.sh

test-copy: $(VENV)/.ready ## run the notebooks of a copy that has your own answers in it
	BIN=$(BIN) bash tests/run.sh copy

test-colab test-colab-tpu test-kaggle test-kaggle-tpu test-binder test-jax test-newest test-oldest: $(VENV)/.ready
	$(BIN)/python tests/platforms.py $(@:test-%=%) $(OPTIONS) $(NOTEBOOK)

test-browser: $(VENV)/.ready ## run all notebooks, or NOTEBOOK=path, in JupyterLab with a headless Chromium
	$(BIN)/python tests/browser.py $(BROWSER_OPTIONS) $(or $(NOTEBOOK),notebooks/*.ipynb)

walk: $(VENV)/.ready ## run the cells of all notebooks, or NOTEBOOK=path, in random order for MINUTES=30
	$(BIN)/python tests/walk.py --minutes $(or $(MINUTES),30) --seed $(or $(SEED),0) $(NOTEBOOK)

style: $(VENV)/.ready ## check code and notebooks for style only
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

refresh: $(VENV)/.ready ## run all notebooks, or NOTEBOOK=path, again and store their outputs
	$(BIN)/python docs/refresh.py $(or $(NOTEBOOK),notebooks/*.ipynb)

italian: $(VENV)/.ready ## bring docs/italiano and notebooks/it up to date, or begin NOTEBOOK=06
	$(BIN)/python docs/italiano/build.py $(NOTEBOOK)

donors: $(VENV)/.ready ## train the shipped donors again
	$(BIN)/python -m studies.donors

grids: $(VENV)/.ready ## measure the stored grids of notebooks 6 to 9, except what is stored already
	$(BIN)/python -m studies

bench: $(VENV)/.ready ## measure the ladder on this machine, and draw docs/ladder.png
	$(BIN)/python -m studies.bench

accelerator: $(VENV)/.ready ## measure this machine's accelerator in five minutes
	$(BIN)/python -m studies.accelerator

answer: $(VENV)/.ready ## run notebooks 5, 6, 7 and 9, and draw docs/answer.png
	$(BIN)/python docs/answer.py --run

bench-notebooks: $(VENV)/.ready ## measure seconds and memory of all notebooks, or NOTEBOOK=path
	$(BIN)/python -m studies.bench notebooks $(NOTEBOOK)

bench-recipes: $(VENV)/.ready ## run three tutorials' recipes and the course's own
	$(BIN)/python -m studies.recipes

claims: $(VENV)/.ready ## print every claim with its verdict, and write them into docs/claims.md and the README
	$(BIN)/python docs/ledger.py --write docs/claims.md --table data/README.md --digest README.md

# The address as it was typed: neither make nor a shell runs what it says.
unexport REPOSITORY
publish: export PUBLIC_ADDRESS := $(value REPOSITORY)
publish: $(VENV)/.ready ## write REPOSITORY=owner/name, or this clone's remote, into all links
	$(BIN)/python docs/publish.py

lock: ## write the exact package versions, tested and oldest (needs uv)
	bash tests/environments/lock.sh

clean: ## remove the environments and everything that was built
	rm -rf $(VENV) $(SITE) build

$(VENV)/.ready: $(LOCK) pyproject.toml
	@bash tests/environments/venv.sh $(VENV) $(PYTHON)
	$(BIN)/python -m pip install --quiet --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(SITE)/.ready: docs/requirements.txt
	@bash tests/environments/venv.sh $(SITE) $(PYTHON)
	$(SITE)/bin/python -m pip install --quiet --requirement $<
	@touch $@
