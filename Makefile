# The two commands to begin with are `make demo` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
AZURITE := infra/local/azurite
NPM = $(PY) -m infra.local.azurite.npm
SOURCE ?=
HOST ?=

.DEFAULT_GOAL := help
.PHONY: help install demo up test check format topology bench clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1|/' | column -t -s '|'

$(VENV)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13) and "Python 3.13 is needed, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.13 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt --group dev
	@touch $@

$(AZURITE)/node_modules/.installed: $(AZURITE)/package.json $(AZURITE)/package-lock.json | $(VENV)/.installed
	$(NPM) ci --omit=dev --no-audit --no-fund --ignore-scripts --loglevel=error --prefix $(AZURITE)
	@touch $@

install: $(VENV)/.installed $(AZURITE)/node_modules/.installed ## the virtual environment, the dependencies and Azurite

demo: install ## one delivery end to end on the laptop cloud; SOURCE=path commits a folder of yours
	@$(PY) -m infra.local.demo $(if $(SOURCE),--source '$(SOURCE)')

up: install ## the laptop cloud, until Ctrl-C; HOST=no leaves the app to `func start`
	@$(PY) -m infra.local.up $(if $(filter no,$(HOST)),--without-host)

test: install ## every test, the ones over real adapters and emulators included
	$(PY) -m pytest -n 4 --dist loadfile

check: install ## ruff, mypy --strict, import-linter
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: install ## let ruff format and mend what it can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

topology: install ## generate infra/topology.json from the registry
	$(PY) -m infra.topology

bench: install ## measure the platform's own cost beside a bare-SDK loop
	@$(PY) -m infra.local.bench

clean: ## remove what was installed and left behind
	rm -rf $(VENV) $(AZURITE)/node_modules .local .cache .mypy_cache .ruff_cache .pytest_cache
