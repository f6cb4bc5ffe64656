.DEFAULT_GOAL := help
.PHONY: help run check unit test nightly packages hostile gvisor mutation soak fuzz bench evening older lint audit format setup tools-image stop status clean lock

# Tests start some hundred interpreters, which else would compile all that they import, each of them anew.
unexport PYTHONDONTWRITEBYTECODE

bootstrap := ./deployments/local/bootstrap.sh
bin := .venv/bin
pytest := $(bin)/python -m pytest
# Needs packages only. What needs an engine, a database or a server lies in a folder live/, or in the folders left out.
unit := $(pytest) tests/skillbox_core tests/prefect_skillbox tests/deployments tests/examples tests/fuzz tests/mutation tests/corpus tests/benchmarks \
	--ignore-glob='*/live/*'
# All that a change can break. Tests of flows are dealt between Prefect's two databases (`make test deal=` runs each on
# both), files between the processors.
deal := 1
# The hostile cases are a suite of their own, `make hostile`.
all := SKILLBOX_TEST_DEAL=$(deal) $(pytest) --ignore=tests/hostile/test_hostile.py
postgres := SKILLBOX_TEST_POSTGRES=1 $(all)
older := .skillbox/older/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes
# Whole files at once, in the order of tests/conftest.py. Tests wait for engines, servers and processes of their own, so
# that they have a process more than there are processors, four at most.
dealt := --maxprocesses 4 --dist loadfile --no-loadscope-reorder --numprocesses \
	$$($(bin)/python -c "import os; print(os.cpu_count() + 1)")
# To collect all tests takes a while: of those that run alone only their files are read.
shared := -m "not by_itself and not nightly" $(dealt)
alone = -m "by_itself and not nightly" $$(grep -rlw by_itself --include='test_*.py' $(1))

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

run: setup ## set everything up, then run the example pipeline on real data
	@$(bin)/python -m deployments.example; code=$$?; $(bin)/skillbox pool drain >/dev/null; exit $$code

check: ## style, types, imports and unit tests, in a minute and a half; needs the packages only
	@$(bootstrap) venv
	@$(MAKE) --no-print-directory --jobs=2 unit lint

# The types are checked by one process, beside which the tests begin.
unit:
	@$(unit) -q $(dealt)

test: setup ## set everything up, then run what a change can break (ARGS="-k name" for some)
	@$(bootstrap) services
	@$(if $(ARGS),$(pytest) $(ARGS),$(all) $(call alone,tests))
	@$(if $(ARGS)$(deal),,$(postgres) $(call alone,tests/prefect_skillbox))
	@$(if $(ARGS),,$(postgres) tests/prefect_skillbox $(shared))
	@$(if $(ARGS),,$(all) tests $(shared) --durations=30)

nightly: check ## that, with flows on both databases, and packages, hostile, gvisor, mutation, soak, fuzz, bench and the oldest Prefect
	@$(MAKE) test deal=
	@$(MAKE) packages
	@$(MAKE) hostile
	@$(MAKE) hostile ARGS=--inside-environment
	@$(MAKE) hostile ARGS=--waiting
	@$(MAKE) gvisor
	@$(MAKE) mutation
	@$(MAKE) mutation ARGS=--inside-environment
	@$(MAKE) soak
	@$(MAKE) fuzz
	@$(MAKE) bench
	@$(MAKE) older

packages: setup ## skills with many packages of a real index (ARGS="-k polars" for some)
	@$(pytest) -m nightly $(ARGS)

hostile: setup ## only the hostile suite, as a table (ARGS="-k words" for some)
	@$(bin)/python -m tests.hostile $(ARGS)

gvisor: setup ## the examples and the hostile suite in gVisor's sandboxes, if runsc works here (ARGS="-k words" for some)
	@$(bootstrap) gvisor
	@$(bin)/python -m tests.gvisor $(ARGS)

mutation: setup ## switch each hardening off in turn; a test must notice (ARGS="-k words" for some)
	@$(bin)/python -m tests.mutation $(ARGS)

soak: setup ## a thousand mixed runs with killed workers; every record must be right (ARGS="--runs 100")
	@$(bootstrap) services
	@$(bin)/python -m tests.soak $(ARGS)

fuzz: ## the readers of strangers' bytes under a fuzzer for FUZZ_SECONDS (60); needs the packages only
	@$(bootstrap) venv
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/fuzz/requirements.lock
	@$(bin)/python -m tests.fuzz

evening: setup ## a new user's first evening: a transcript of the terminal and pictures of the UI, to be looked at
	@$(bootstrap) services
	@$(bin)/python -m tests.evening $(ARGS)

bench: setup ## how fast it is, beside what else runs a job in a container (ARGS="--quick", ARGS="--only cold,files")
	@$(bootstrap) services
	@$(bin)/python -m tests.benchmarks $(ARGS)

older: setup ## the tests of the Prefect package on the oldest Prefect that its bounds allow
	@$(bootstrap) services
	@$(bin)/python -m venv --clear .skillbox/older
	@$(older) -r requirements.lock
	@$(older) -r tests/older/requirements.lock
	@.skillbox/older/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable . --editable ./flows
	@SKILLBOX_TEST_POSTGRES=1 .skillbox/older/bin/python -m pytest tests/prefect_skillbox $(ARGS)

lint: ## style, types, imports and the lock file; needs the packages only
	@$(bootstrap) venv
	@! grep -n '://' requirements.lock tests/*/*.lock deployments/local/*.lock
	@$(bootstrap) advisories & \
	$(bin)/ruff check . && $(bin)/ruff format --check . && $(bin)/lint-imports --no-cache --no-logo && $(bin)/mypy; \
	code=$$?; wait; exit $$code

audit: ## fail on advisories against the locked dependencies
	@$(bootstrap) audit

format: ## put the code in order
	@$(bootstrap) venv
	@$(bin)/ruff check --fix .
	@$(bin)/ruff format .

setup: ## packages, container engine, images and Prefect server
	@$(bootstrap) up

tools-image: setup ## an image with git, poppler, pandoc, ffmpeg, imagemagick, ghostscript and jq, for skills that call them
	@$(bootstrap) tools-image

stop: ## end the engine and the server that the set-up started
	@$(bootstrap) down

status: ## say what answers
	@$(bootstrap) status

clean: ## stop, and delete everything the set-up made
	@$(bootstrap) clean

lock: ## write requirements.lock anew from both pyproject.toml
	@printf -- '-e .[postgres,tables]\n-e ./flows\n' | $(bin)/uv pip compile --quiet --universal --upgrade --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --no-emit-package skillbox-core --no-emit-package prefect-skillbox \
		--group dev - -o requirements.lock
