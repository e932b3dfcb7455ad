# The front door: `make` lists the targets. Every target is a thin call of a tool.

ENV ?= local

PYTHON := .venv/bin/python
OPS    := $(PYTHON) -m ops
# Bytecode is kept: without it, rewriting the assertions is half of the time before the first test.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PYTHON) -m pytest --times=.local/test-times.md

# An option of a command, when its variable has a value; a flag, when it is yes.
quoted = '$(subst ','\'',$(1))'
option = $(if $($(2)),$(1) $(call quoted,$($(2))))
flag   = $(if $(filter yes,$($(2))),$(1))
# CONFIRM=yes or CONFIRM=<the environment> agrees to a change without being asked.
agreed = $(if $(CONFIRM),--yes)

export PYTHONDONTWRITEBYTECODE := 1
# EMULATED=yes rehearses dev, qa or prd on this computer's emulator instead of on AWS.
ifdef EMULATED
export FLOWBRIDGE_EMULATED := $(EMULATED)
endif
# QUOTAS=aws starts an emulator with AWS's quotas; QUOTAS=aws:0.1 with a tenth of them.
ifdef QUOTAS
export FLOWBRIDGE_QUOTAS := $(QUOTAS)
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-ops package up down status demo send watch dead-letters \
  redrive discard reconcile report env bootstrap release plan \
  apply smoke release-commit promote rollback drift sign-in plan-comment destroy test test-unit test-contract test-platform test-end-to-end test-faults test-hostile test-long bench lint format lock new-flow docs clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r t d; do printf '  \033[1m%-20s\033[0m %s\n' "$$t" "$$d"; done

## --- run it ---------------------------------------------------------------

takes.demo := FLOW
demo: setup-ops package ## Run a flow here on its examples and show the results: make demo [FLOW=name]
	@$(OPS) demo $(call option,--flow,FLOW)

up: setup-ops ## Start the local environment (MariaDB and the AWS emulator): make up [QUOTAS=aws or aws:0.1]
	@$(OPS) up

down: setup-ops ## Stop the local environment; rows stay, the emulator's bus, executions and queues do not
	@$(OPS) down

status: setup-ops ## Show whether the local environment runs
	@$(OPS) status

takes.send := ENV FLOW FILE RATE
send: setup-ops ## Put events onto the bus: make send FILE=events.jsonl [ENV=dev] [RATE=events a second]
	@$(OPS) send $(call option,--env,ENV) $(call option,--flow,FLOW) $(call option,--rate,RATE) \
	  $(call quoted,$(or $(FILE),$(error FILE is missing. Name a file of events, such as FILE=examples/<flow>/event.json)))

takes.watch := ENV FLOW EXECUTION STATE
watch: setup-ops ## Show executions live: make watch [EXECUTION=name [STATE=name]] [ENV=dev] [FLOW=name, else all]
	@$(OPS) watch $(call option,--env,ENV) $(call option,--flow,FLOW) \
	  $(call option,--execution,EXECUTION) $(call option,--state,STATE)

takes.dead-letters := ENV FLOW MESSAGE
dead-letters: setup-ops ## List failed and stuck events with their errors: make dead-letters [MESSAGE=id] [ENV=dev] [FLOW=name, else all]
	@$(OPS) dead-letters $(call option,--env,ENV) $(call option,--flow,FLOW) $(call option,--message,MESSAGE)

takes.redrive := ENV FLOW MESSAGE ERROR STATE ALL RATE DRY_RUN
redrive: setup-ops ## Redrive dead letters: make redrive MESSAGE=id|ERROR=name|STATE=state|ALL=yes [ENV=dev] [FLOW=name, else all] [RATE=5] [DRY_RUN=yes]
	@$(OPS) redrive $(call option,--env,ENV) $(call option,--flow,FLOW) $(call option,--message,MESSAGE) \
	  $(call option,--error,ERROR) $(call option,--state,STATE) $(call flag,--all,ALL) \
	  $(call option,--rate,RATE) $(call flag,--dry-run,DRY_RUN)

takes.discard := ENV FLOW MESSAGE REASON CONFIRM
discard: setup-ops ## Delete one message without redriving it: make discard MESSAGE=id REASON=text [ENV=dev] [FLOW=name, else all] [CONFIRM=yes]
	@$(OPS) discard $(call option,--env,ENV) $(call option,--flow,FLOW) $(agreed) \
	  --message $(call quoted,$(or $(MESSAGE),$(error MESSAGE is missing. Type 'make dead-letters' to see the messages))) \
	  --reason $(call quoted,$(or $(REASON),$(error REASON is missing. Say why the message is deleted: REASON="settled by hand")))

takes.report := ENV SINCE MOST PERSONAL OUT
report: setup-ops ## Write an HTML report of the executions: make report [ENV=dev] [SINCE=24h] [MOST=500] [PERSONAL=yes] [OUT=file]
	@$(OPS) report $(call option,--env,ENV) $(call option,--since,SINCE) $(call option,--most,MOST) \
	  $(call flag,--personal,PERSONAL) $(call option,--out,OUT)

takes.reconcile := ENV FLOW SINCE ALL JSON
reconcile: setup-ops ## Find lost events: make reconcile [ENV=prd] [FLOW=name, else all] [SINCE=24h|2026-11-21T10:00Z] [ALL=yes] [JSON=yes]
	@$(OPS) reconcile $(call option,--env,ENV) $(call option,--flow,FLOW) $(call option,--since,SINCE) \
	  $(call flag,--all,ALL) $(call flag,--json,JSON)

takes.env := ENV
env: setup-ops ## Print the variables that let other tools reach the environment: eval "$(make -s env)"
	@$(OPS) env $(call option,--env,ENV)

## --- build and deploy -----------------------------------------------------

setup: ## Set up everything that is needed to develop and test
	@python3 ops/local/prepare.py dev

# A flow that is shown may need an engine more, such as that of SQL.
flow_shown = $(if $(filter demo,$(MAKECMDGOALS)),$(call option,--flow,FLOW))
setup-ops: # What is needed to run, without the test tools
	@python3 ops/local/prepare.py ops $(flow_shown)

package: setup-ops ## Build the Lambda packages into build/dist
	@$(PYTHON) build/package.py

takes.bootstrap := ENV
bootstrap: setup-ops ## Create or change what an account needs before the platform: make bootstrap ENV=dev
	@$(OPS) bootstrap $(call option,--env,ENV)

takes.release := ENV
release: setup-ops package ## Put the packages into an environment's artifact bucket: make release ENV=dev
	@$(OPS) release $(call option,--env,ENV)

takes.plan := ENV RELEASE
plan: setup-ops package ## Show what Terraform would change (fails when anything)
	@$(OPS) plan $(call option,--env,ENV) $(call option,--release,RELEASE)

takes.apply := ENV RELEASE CONFIRM
apply: setup-ops package ## Apply Terraform; prd asks after a summary: make apply ENV=dev [RELEASE=digest] [CONFIRM=yes]
	@$(OPS) apply $(call option,--env,ENV) $(call option,--release,RELEASE) $(agreed)

takes.smoke := ENV
smoke: setup-ops ## Test the running release with synthetic events: make smoke ENV=dev
	@$(OPS) smoke $(call option,--env,ENV)

takes.release-commit := ENV
release-commit: setup-ops ## Print the commit of the running release: make -s release-commit ENV=dev
	@$(OPS) release-commit $(call option,--env,ENV)

takes.promote := FROM TO CONFIRM COMMIT CANARY_MINUTES
promote: setup-ops ## Bring a release to the next environment: make promote FROM=dev TO=qa [CONFIRM=yes] [COMMIT=commit]
	@$(OPS) promote --from $(call quoted,$(or $(FROM),$(error FROM is missing. Name both environments, such as FROM=dev TO=qa))) \
	  --to $(call quoted,$(or $(TO),$(error TO is missing. Name both environments, such as FROM=dev TO=qa))) $(agreed) $(call option,--commit,COMMIT)

takes.rollback := ENV RELEASE CONFIRM
rollback: setup-ops ## Return to the previous release: make rollback ENV=prd [RELEASE=digest] [CONFIRM=yes]
	@$(OPS) rollback $(call option,--env,ENV) $(call option,--release,RELEASE) $(agreed)

takes.drift := ENV
drift: setup-ops ## List the differences between code and cloud (fails when there are any)
	@$(OPS) drift $(call option,--env,ENV)

takes.sign-in := ENV ROLE
sign-in: setup-ops ## Assume a role in a GitHub job: make sign-in ENV=dev ROLE=deploy
	@$(OPS) sign-in $(call option,--env,ENV) --role $(call quoted,$(ROLE))

takes.plan-comment := ENV PULL_REQUEST
plan-comment: setup-ops package ## Comment a pull request with the plan: make plan-comment ENV=dev PULL_REQUEST=7
	@$(OPS) plan-comment $(call option,--env,ENV) --pull-request $(call quoted,$(PULL_REQUEST))

takes.destroy := ENV CONFIRM
destroy: setup-ops package ## Destroy everything that Terraform made except the bootstrap: make destroy ENV=dev [CONFIRM=yes]
	@$(OPS) destroy $(call option,--env,ENV) $(agreed)

## --- check ----------------------------------------------------------------

takes.test := FLOW
test: $(if $(FLOW),setup,lint) ## Run every check and test, or the tests of one flow: make test [FLOW=name]
	@$(MAKE) --no-print-directory package
	@$(PYTEST) -n $(if $(FLOW),2,4) --dist loadgroup $(call option,--flow,FLOW) tests

test-unit: setup ## Run the fast tests
	@$(PYTEST) -n 2 -p no:schemathesis --kind=unit

test-contract: setup package ## Check the state machine and the API's document against what they promise
	@$(PYTEST) -n 2 --kind=contract

test-platform: setup package ## Check policies, wrong values, an empty second plan and destroy, on the emulator
	@$(PYTEST) --kind=platform

test-end-to-end: setup package ## Run the whole system here
	@$(PYTEST) --kind=end_to_end

test-faults: setup package ## Break every part while leads flow: nothing may be lost or there twice (minutes)
	@$(PYTEST) -m "long or not long" --kind=faults

test-hostile: setup package ## Try thousands of hostile requests, events and messages on every function
	@HOSTILE_FACTOR=10 HOSTILE_LEAST=5000 $(PYTEST) -n 2 --dist loadgroup --kind=hostile

takes.test-long := FLOW
test-long: setup package ## Run the long tests, which 'make test' leaves out: make test-long [FLOW=name]
	@$(PYTEST) -n 2 --dist loadgroup -m long $(call option,--flow,FLOW) tests

takes.bench := PART LEADS
bench: ## Measure, and write benchmarks/README.md: make bench [PART=packaging]
	@python3 ops/local/prepare.py bench
	@LEADS="$(LEADS)" $(PYTHON) -m benchmarks --part "$(or $(PART),all)"

lint: setup ## Check format, types, words and Terraform
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

takes.new-flow := NAME
new-flow: setup ## Write the skeleton of a flow: make new-flow NAME=order_intake
	@$(OPS) new-flow $(call quoted,$(NAME))

docs: setup ## Write the generated parts of the documents: pictures and tables
	@$(OPS) docs

clean: ## Remove what was built and set up (stop the local environment first)
	@rm -rf build/dist build/cache .venv .venv-emulator .venv-checkov .venv-bench .venv-runtime .venv-engines .local .mypy_cache .ruff_cache .pytest_cache

# --- wrong variables stop everything ------------------------------------------------------------

# A misspelt DRYRUN=yes would really redrive. So a target refuses the variables that it does not take.
goals   := $(or $(MAKECMDGOALS),help)
allowed := $(foreach goal,$(goals),$(takes.$(goal)))
typed   := $(strip $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
unknown := $(filter-out $(allowed) EMULATED QUOTAS FLOWBRIDGE_% AWS_% TF_% COLUMNS SHELL,$(typed))
$(if $(unknown),$(error make $(goals) takes no $(unknown). $(if $(strip $(allowed)),Use only: $(strip $(allowed)),It takes no variable)))
# A make within these recipes finds the variables in its environment.
MAKEOVERRIDES :=

yes_or_no = $(if $(filter 1,$(words $($(1)))),$(filter yes no,$($(1))))
$(foreach name,$(filter ALL DRY_RUN JSON PERSONAL,$(allowed)),\
  $(if $(filter undefined,$(origin $(name))),,\
    $(if $(call yes_or_no,$(name)),,$(error $(name) is '$($(name))'. Use $(name)=yes or $(name)=no))))

agreements := yes $(or $(TO),$(ENV))
$(if $(filter CONFIRM,$(allowed)),$(if $(filter-out $(agreements),$(CONFIRM)),\
  $(error CONFIRM is '$(CONFIRM)'. Use CONFIRM=yes$(foreach name,$(or $(TO),$(ENV)), or CONFIRM=$(name)), or leave it out)))
