# The front door: `make` lists what there is. Every target is a thin call of a tool.

ENV ?= local

PYTHON := .venv/bin/python
OPS    := $(PYTHON) -m ops
PYTEST := $(PYTHON) -m pytest

# One flow; without it, each command says which.
OF_FLOW = $(if $(FLOW),--flow "$(FLOW)")

export PYTHONDONTWRITEBYTECODE := 1
# EMULATED=yes rehearses dev, qa or prd on this computer's emulator instead of on AWS.
ifdef EMULATED
export FLOWBRIDGE_EMULATED := $(EMULATED)
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-ops package up down status demo send watch dead-letters \
  redrive discard reconcile report env bootstrap release plan \
  apply smoke release-commit promote rollback drift sign-in plan-comment destroy test test-unit test-contract test-platform test-end-to-end test-faults test-hostile bench lint format lock new-flow docs clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r t d; do printf '  \033[1m%-20s\033[0m %s\n' "$$t" "$$d"; done

## --- run it ---------------------------------------------------------------

demo: setup-ops package ## Run the main job here: a lead from the bus to the database, a bad one to its queue
	@$(OPS) demo

up: setup-ops ## Start the local environment (MariaDB and the AWS emulator)
	@$(OPS) up

down: setup-ops ## Stop the local environment; rows stay, the emulator's bus, executions and queues do not
	@$(OPS) down

status: setup-ops ## Tell whether the local environment runs
	@$(OPS) status

send: setup-ops ## Put events onto the bus: make send FILE=events.jsonl [ENV=dev] [FLOW=crm_registration]
	@$(OPS) send --env $(ENV) $(OF_FLOW) "$(or $(FILE),$(error FILE is missing: make send FILE=examples/crm_registration/event.json))"

watch: setup-ops ## Show executions live: make watch [EXECUTION=name [STATE=name]] [ENV=dev] [FLOW=crm_registration]
	@$(OPS) watch --env $(ENV) $(OF_FLOW) $(if $(EXECUTION),--execution "$(EXECUTION)") $(if $(STATE),--state "$(STATE)")

dead-letters: setup-ops ## List what could not go on, and why: make dead-letters [MESSAGE=id] [ENV=dev] [FLOW=name, else all]
	@$(OPS) dead-letters --env $(ENV) $(OF_FLOW) --message "$(MESSAGE)"

redrive: setup-ops ## Send it again: make redrive MESSAGE=id|ERROR=name|STATE=state|ALL=yes [ENV=dev] [FLOW=name, else all] [RATE=5] [DRY_RUN=yes]
	@$(OPS) redrive --env $(ENV) $(OF_FLOW) --message "$(MESSAGE)" --error "$(ERROR)" --state "$(STATE)" \
	  --all "$(ALL)" --rate $(or $(RATE),5) --dry-run "$(DRY_RUN)"

discard: setup-ops ## Take one message out for good: make discard MESSAGE=id [ENV=dev] [FLOW=name, else all] [CONFIRM=yes]
	@$(OPS) discard --env $(ENV) $(OF_FLOW) --message "$(or $(MESSAGE),$(error MESSAGE is missing: 'make dead-letters' lists the messages))" --confirm "$(CONFIRM)"

report: setup-ops ## Write an HTML file about what ran: make report [ENV=dev] [SINCE=24h] [MOST=500] [PERSONAL=yes] [OUT=file]
	@$(OPS) report --env $(ENV) --since "$(or $(SINCE),24h)" --most $(or $(MOST),500) --personal "$(PERSONAL)" --out "$(OUT)"

reconcile: setup-ops ## Tell what became of every event: make reconcile [ENV=prd] [FLOW=name, else all] [SINCE=24h|2026-11-21T10:00Z] [ALL=yes] [JSON=yes]
	@$(OPS) reconcile --env $(ENV) $(OF_FLOW) --since "$(or $(SINCE),24h)" --all "$(ALL)" --json "$(JSON)"

env: setup-ops ## Print the variables that let other tools reach the environment: eval "$(make -s env)"
	@$(OPS) env --env $(ENV)

## --- build and deploy -----------------------------------------------------

setup: ## Set up everything that is needed to develop and test
	@python3 ops/local/prepare.py dev

setup-ops: # What is needed to run, without the test tools
	@python3 ops/local/prepare.py ops

package: setup-ops ## Build the Lambda packages into build/dist
	@$(PYTHON) build/package.py

bootstrap: setup-ops ## Make what an account has before the platform, or change it: make bootstrap ENV=dev
	@$(OPS) bootstrap --env $(ENV)

release: setup-ops package ## Put the packages into an environment's artifact bucket: make release ENV=dev
	@$(OPS) release --env $(ENV)

plan: setup-ops package ## Show what Terraform would change (fails when anything)
	@$(OPS) plan --env $(ENV) --release "$(RELEASE)"

apply: setup-ops package ## Apply Terraform: make apply ENV=dev
	@$(OPS) apply --env $(ENV) --release "$(RELEASE)"

smoke: setup-ops ## Send a synthetic lead the whole way and take it out again: make smoke ENV=dev
	@$(OPS) smoke --env $(ENV)

release-commit: setup-ops ## Print the commit of the release that runs: make -s release-commit ENV=dev
	@$(OPS) release-commit --env $(ENV)

promote: setup-ops ## Bring a release to the next environment: make promote FROM=dev TO=qa [CONFIRM=yes] [COMMIT=commit]
	@$(OPS) promote --from "$(FROM)" --to "$(TO)" --confirm "$(CONFIRM)" --commit "$(COMMIT)"

rollback: setup-ops ## Return to the release before: make rollback ENV=prd [RELEASE=digest] [CONFIRM=yes]
	@$(OPS) rollback --env $(ENV) --release "$(RELEASE)" --confirm "$(CONFIRM)"

drift: setup-ops ## Name what differs between code and cloud (fails when anything)
	@$(OPS) drift --env $(ENV)

sign-in: setup-ops ## In a job of GitHub, take on a role: make sign-in ENV=dev ROLE=deploy
	@$(OPS) sign-in --env $(ENV) --role "$(ROLE)"

plan-comment: setup-ops package ## Put the plan beneath a pull request: make plan-comment ENV=dev PULL_REQUEST=7
	@$(OPS) plan-comment --env $(ENV) --pull-request "$(PULL_REQUEST)"

destroy: setup-ops package ## Destroy everything that Terraform made, but the bootstrap's buckets: make destroy ENV=dev [CONFIRM=yes]
	@$(OPS) destroy --env $(ENV) --confirm "$(CONFIRM)"

## --- check ----------------------------------------------------------------

test: lint ## Run every check and test
	@$(MAKE) --no-print-directory package
	@$(PYTEST) -n 3 --dist loadgroup tests

test-unit: setup ## Run the fast tests
	@$(PYTEST) -n 2 -p no:schemathesis --kind unit

test-contract: setup package ## Check the state machine and the API's document against what they promise
	@$(PYTEST) -n 2 --kind contract

test-platform: setup package ## Check policies, wrong values, an empty second plan and destroy, on the emulator
	@$(PYTEST) --kind platform

test-end-to-end: setup package ## Run the whole system here
	@$(PYTEST) --kind end_to_end

test-faults: setup package ## Break every part while leads flow: nothing may be lost or there twice (minutes)
	@$(PYTEST) -m "long or not long" --kind faults

test-hostile: setup package ## Try thousands of hostile requests, events and messages on every function
	@HOSTILE_FACTOR=10 HOSTILE_LEAST=5000 $(PYTEST) -n 2 --dist loadgroup --kind hostile

bench: ## Measure, and write benchmarks/README.md: make bench [PART=packaging]
	@python3 ops/local/prepare.py bench
	@LEADS="$(LEADS)" $(PYTHON) -m benchmarks --part "$(or $(PART),all)"

lint: setup ## Check format, types and Terraform
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@$(OPS) lint

format: setup ## Format Python and Terraform
	@.venv/bin/ruff check --fix-only --quiet
	@.venv/bin/ruff format
	@terraform fmt -recursive terraform

lock: setup ## Pin the newest allowed versions of every library, with hashes
	@$(PYTHON) build/lock.py

new-flow: setup ## Write the skeleton of a flow: make new-flow NAME=order_intake
	@$(OPS) new-flow "$(NAME)"

docs: setup ## Draw the flows' pictures anew
	@$(OPS) docs

clean: ## Remove what was built and set up (stop the local environment first)
	@rm -rf build/dist build/cache .venv .venv-emulator .venv-checkov .venv-bench .venv-runtime .local .mypy_cache .ruff_cache .pytest_cache
