# Each target sets up .venv first. Python 3.11 or newer and make are all that it needs.

PYTHON ?= python3
BIN := .venv/bin
NO_DEMO := $(filter 0 false no off,$(DEMO))
MIGRATIONS = $(wildcard supabase/migrations/*.sql)
# Two processes, because tests mostly wait. The tests of a file share a server and keep their order.
PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadfile
TEMPLATES = $(wildcard templates/*.html templates/*/*.html)

.PHONY: help run test test-full check bench format migration pictures
MAKEFLAGS += --no-print-directory

help:
	@echo "make run        the whole product with a demo contact centre (DEMO=0: without), on http://127.0.0.1:$${PORT:-8000}"
	@echo "make test       every test that needs nothing else"
	@echo "make test-full  those that need more than Python as well"
	@echo "make check      formatting, lint, types, import rules, SQL and templates"
	@echo "make format     put the formatting right"
	@echo "make migration  a new migration from what supabase/schemas/ says: NAME=what_changes"
	@echo "make pictures   every page in every width and theme, busy and empty, in .pictures/"
	@echo "make bench      the benchmarks, all (about forty minutes) or BENCH=\"floor people\""

run:
	@$(PYTHON) .ci/setup.py run
	@exec $(BIN)/floorwalker serve $(if $(NO_DEMO),,--demo)

test:
	@$(PYTHON) .ci/setup.py test
	@$(BIN)/python tests/browser/chromium.py
	@exec $(PYTEST)

test-full:
	@$(PYTHON) .ci/setup.py test
	@$(BIN)/python tests/browser/chromium.py
	@exec $(PYTEST) -m ""

check:
	@$(PYTHON) .ci/setup.py test
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/words.py
	$(if $(MIGRATIONS),$(BIN)/squawk $(MIGRATIONS))
	$(if $(TEMPLATES),$(BIN)/djlint --quiet --lint $(TEMPLATES))

format:
	@$(PYTHON) .ci/setup.py test
	$(BIN)/ruff check --quiet --fix-only
	$(BIN)/ruff format --quiet

migration:
	@$(PYTHON) .ci/setup.py test
	@exec $(BIN)/python -m tests.database.new_migration $(NAME)

bench:
	@$(PYTHON) .ci/setup.py test
	@exec $(BIN)/python -m tests.bench $(BENCH)

pictures:
	@$(PYTHON) .ci/setup.py test
	@$(BIN)/python tests/browser/chromium.py
	@exec $(BIN)/python -m tests.pictures
