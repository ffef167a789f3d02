# The front door. It needs Python 3.11, make and a package index; everything else it brings itself.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check ui bench campaign coverage mutants sbom audit lock manifest schema calendar clean

export DAGSTER_DISABLE_TELEMETRY := yes
export DO_NOT_TRACK := 1

RUN := .venv/touchstone-run.stamp
DEV := .venv/touchstone-dev.stamp
# The environment for tests holds all that the demo needs: where it exists or is asked for, the other is never made.
FOR_TESTS := test check bench campaign coverage mutants calendar sbom audit $(DEV)
ENVIRONMENT := $(if $(wildcard $(DEV))$(filter $(FOR_TESTS),$(MAKECMDGOALS)),$(DEV),$(RUN))
LOCKS := pyproject.toml requirements-build.lock deploy/make_environment.sh
BIN := .venv/bin

MANIFEST := dbt_project/target/manifest.json
MODELS := $(shell find dbt_project -type d \( -name target -o -name logs \) -prune -o -type f -print 2>/dev/null)

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' Makefile | while read -r name words; do printf '  make %-9s %s\n' "$$name" "$$words"; done

demo: $(ENVIRONMENT) $(MANIFEST) ## Live one simulated trading day, from raw rows to fills
	@$(BIN)/touchstone demo

ui: $(ENVIRONMENT) $(MANIFEST) ## Start the web page and the daemon on this machine only
	@$(BIN)/touchstone ui

test: $(DEV) $(MANIFEST) ## Run the tests; the long proofs in slices
	@$(BIN)/python deploy/run_tests.py

campaign: $(DEV) $(MANIFEST) ## Run the long proofs whole and write docs/proof/<date>.json
	@$(BIN)/python deploy/run_campaign.py

coverage: $(DEV) $(MANIFEST) ## Count the lines and branches tests run; fail below 95 % of execution, 80 % of all
	@$(BIN)/python deploy/run_coverage.py

mutants: $(DEV) ## Change one small thing at a time, and write docs/proof/mutants.json; takes hours
	@$(BIN)/python deploy/run_mutants.py

bench: $(DEV) $(MANIFEST) ## Measure 500 orders, a ledger of a million rows, a cycle for 50 and 500 symbols
	@$(BIN)/python benchmarks/order_path.py
	@$(BIN)/python benchmarks/ledger.py
	@$(BIN)/python benchmarks/simulation.py
	@$(BIN)/python benchmarks/cycle.py

check: $(DEV) $(MANIFEST) ## Lint, format, types, import contracts, SQL, committed text
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project
	$(BIN)/pytest -q tests/architecture/test_committed_text.py

sbom: $(DEV) ## Write what the program is made of to build/sbom.json, a CycloneDX bill of materials
	@$(BIN)/python -m deploy.make_sbom

audit: $(DEV) ## Ask a vulnerability service about every installed package; fail unless each was answered for
	@$(BIN)/python -m deploy.audit_dependencies

manifest: $(MANIFEST) ## Parse the dbt project, for the definitions to read

schema: $(ENVIRONMENT) ## Write the schema of the settings tree from its types
	$(BIN)/python -c 'from pipelines.settings import write_schema; write_schema()'

calendar: $(DEV) ## Generate the table of exchange sessions again
	$(BIN)/python deploy/make_calendar.py

lock: ## Resolve the locks again; no index host enters them
	uv pip compile pyproject.toml --group dev --extra yahoo $(LOCK_OPTIONS) --output-file requirements-dev.lock
	uv pip compile pyproject.toml --constraints requirements-dev.lock $(LOCK_OPTIONS) --output-file requirements.lock
	uv pip compile --group build $(LOCK_OPTIONS) --output-file requirements-build.lock

LOCK_OPTIONS := --quiet --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

clean: ## Remove what was made: environment, caches, manifest; homes stay
	rm -rf .venv dbt_project/target dbt_project/logs build touchstone.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements.lock $(LOCKS)
	@deploy/make_environment.sh run
	@touch $@

$(DEV): requirements-dev.lock $(LOCKS)
	@deploy/make_environment.sh dev
	@touch $@

# Order-only: a newer environment alone does not change what the models say.
$(MANIFEST): $(MODELS) | $(ENVIRONMENT)
	@$(BIN)/python -c 'from assets.features.dbt_bridge import write_manifest; write_manifest("dbt_project")'
	@touch $@
