# Each target is a thin call; what there is to know stands in the module that is called.
# Windows has no make: call the same modules, as README.md shows.

PYTHON ?= python3
ARGS ?=

ifeq ($(OS),Windows_NT)
VENV_PYTHON := .venv/Scripts/python
else
VENV_PYTHON := .venv/bin/python
endif

.PHONY: setup run test test-k8s lint bench bench-standalone chaos demo screenshots docs package image lock clean

setup: ## .venv from requirements/dev.lock, and the system's libraries
	@$(PYTHON) packaging/dev/setup.py --for test

run: ## the desktop; without a screen the server alone
	@$(PYTHON) packaging/dev/setup.py --for run
	@$(VENV_PYTHON) packaging/dev/start.py $(ARGS)

test: setup ## style, types, import contracts, every test
	@$(VENV_PYTHON) packaging/dev/check.py $(ARGS)

lint: setup ## the same without the tests
	@$(VENV_PYTHON) packaging/dev/check.py --lint

bench: setup ## the load scenarios against an embedded server
	@$(VENV_PYTHON) -m tests.load.bench $(ARGS)

chaos: setup ## 200 people talk while every part of a server dies, alone and in pairs
	@$(VENV_PYTHON) -m tests.load.chaos $(ARGS)

bench-standalone: setup ## the same through PostgreSQL, Redis and Kafka, as one process and by roles
	@$(VENV_PYTHON) -m tests.load.bench --standalone $(ARGS)

demo: setup ## two real windows on a virtual screen and a real conversation, into build/demo/
	@$(VENV_PYTHON) -m tests.support.demo $(ARGS)

screenshots: setup ## the pictures of the documentation
	@$(VENV_PYTHON) -m tests.support.screenshots $(ARGS)

docs: setup ## the tables and examples of docs/protocol.md, from the code
	@$(VENV_PYTHON) packaging/dev/protocol_docs.py $(ARGS)

package: setup ## wheel and source archive in dist/
	@$(VENV_PYTHON) -m hatchling build

test-k8s: setup ## images, manifests and promises on a real Kubernetes; see docs/operating/kubernetes.md
	@$(VENV_PYTHON) -m tests.cluster $(ARGS)

image: ## the server for docker or podman; see docs/operating/docker.md
	@$(PYTHON) packaging/docker/build.py $(ARGS)

lock: ## requirements/*.lock from pyproject.toml; needs uv
	@$(PYTHON) packaging/dev/lock.py $(ARGS)

clean: ## everything that can be made again
	@$(PYTHON) packaging/dev/clean.py
