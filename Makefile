# Set-up, run, test and release in one place; `make` alone lists the targets. See README.md.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
PORT ?= 8000
export PYTHON MAKECMDGOALS
export PIP_DISABLE_PIP_VERSION_CHECK := 1
VENV := .venv/bin
# Two processes: the suite is bound by the processor, and tests with real servers want some of it too.
WORKERS ?= 2
PYTEST_ARGS ?=
PYTEST := $(VENV)/python -m pytest
EMBEDDED := env -u DATABASE_URL -u REDIS_URL
EMBEDDED_DATABASE := env -u DATABASE_URL
TEST_DATABASE_URL := $(or $(DATABASE_URL),postgres://postgres@127.0.0.1:5432/disputes)
TEST_REDIS_URL := $(or $(REDIS_URL),redis://127.0.0.1:6379/0)
SERVICES := DATABASE_URL='$(TEST_DATABASE_URL)' REDIS_URL='$(TEST_REDIS_URL)'

.PHONY: help run test test-services test-browser test-full check bench messages lock wheelhouse clean env env-dev

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

env:
	@scripts/env.sh runtime

env-dev:
	@scripts/env.sh dev

run: env ## set up, load demo data when there is none, and serve http://127.0.0.1:8000
	@exec $(VENV)/python scripts/run.py --port $(PORT)

test: env-dev ## the tests on the embedded defaults (SQLite, no server)
	@$(EMBEDDED) $(PYTEST) -n $(WORKERS) $(PYTEST_ARGS)

test-services: env-dev ## the same tests and more on PostgreSQL and Redis (DATABASE_URL, REDIS_URL)
	@if $(SERVICES) $(VENV)/python scripts/services.py; then \
	  $(SERVICES) $(PYTEST) -n $(WORKERS) -m 'not browser and not full and not bench' $(PYTEST_ARGS); \
	elif [ "$${CI:-}" = true ]; then exit 1; fi

test-browser: env-dev ## the story in a real Chromium, with screenshots; on DATABASE_URL and REDIS_URL where set
	@command -v chromium >/dev/null || { echo "Chromium is missing: apt-get install chromium fonts-noto-cjk" >&2; exit 1; }
	@DJANGO_ALLOW_ASYNC_UNSAFE=1 E2E_DATABASE_URL='$(DATABASE_URL)' $(EMBEDDED_DATABASE) \
	  $(PYTEST) -n $(WORKERS) -m browser $(PYTEST_ARGS)

test-full: env-dev ## the fault and load tests at full size, on both databases; writes var/full/results.json
	@rm -f var/full/results.json
	@FULL_RESULTS=$(CURDIR)/var/full/results.json $(EMBEDDED) $(PYTEST) -n 0 -m 'full and not services' $(PYTEST_ARGS)
	@$(SERVICES) $(VENV)/python scripts/services.py
	@FULL_RESULTS=$(CURDIR)/var/full/results.json $(SERVICES) $(PYTEST) -n 0 -m full $(PYTEST_ARGS)

check: env-dev ## style, types, migrations, translations, deployment settings
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(EMBEDDED) $(VENV)/python scripts/check.py

bench: env-dev ## measure against the floors; prints a table and writes var/bench/results.json
	@$(VENV)/python -m tests.bench

messages: env-dev ## collect the texts of the interface into locale/en and compile them
	@$(VENV)/python manage.py makemessages -l en --no-location --no-obsolete -i .venv -i var -i wheelhouse -i tests
	@$(VENV)/python manage.py compilemessages -l en -i .venv

lock: ## write the lock files anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "uv is missing: pip install uv" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --group dev -o requirements-dev.txt

wheelhouse: env-dev ## download every package for a set-up without a network
	$(VENV)/python -m pip download --quiet --require-hashes --no-deps -r requirements-dev.txt -d wheelhouse

clean: ## remove the environment and the caches; data under var/ stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +
