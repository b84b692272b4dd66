# `make help` lists what there is. Nothing has to be installed first: what runs in the environment makes it when needed.

# Which environment, and with what; by default the best that this machine can run (docs/install.md).
VENV ?= .venv
PYTHON ?=
TFX ?=

# Of how many tests of a file `make test-fast` runs one.
EVERY ?= 1

# What `make image` builds, and on what; by default kubeflow/Dockerfile's base.
IMAGE ?= tfx-explain
BASE ?=

# Quiet: what a person sees is ours. VERBOSE=1 brings the rest back.
ifndef VERBOSE
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PYTHONWARNINGS ?= ignore
endif
export TF_ENABLE_ONEDNN_OPTS ?= 0
export CUDA_VISIBLE_DEVICES ?= -1
# Keras 3, said aloud: tensorflow_transform turns this on where nobody set it.
export TF_USE_LEGACY_KERAS ?= 0

BIN := $(VENV)/bin
DEMO := $(BIN)/python -m tfx_explain.pipelines.census.demo $(if $(VERBOSE),--verbose)
# A file's tests share fixtures, so a file stays in one process, in the order of tests/conftest.py; each process takes
# about 2 GB.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 0 --durations-min 30
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url
LEGACY := --python-platform x86_64-manylinux2014 setup.py requirements/tfx116.in
# The same versions, which a resolver keeps that finds them there, less what only this project's developers need.
USERS := requirements/users

.PHONY: help demo demo-fast demo-digits demo-tickets bench bench-torch test test-fast test-some test-flink test-flink-cluster test-spark test-airflow test-kubeflow image test-debian13 lint docs dist environment proto lock clean

##@ To begin with

help:  ## this list
	@sed -nE -e 's/^##@ (.*)/\n\1:/p' -e 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 28
	@echo; echo "Settings: VERBOSE=1, PYTHON=3.10 (or a path), TFX=1.16 or 1.21, VENV=folder"

demo: environment  ## the census pipeline: a sound model pushed, a leaking one blocked, a sound one pushed
	@$(DEMO)

demo-fast: environment  ## the same with less data and training
	@$(DEMO) --fast

demo-digits: environment  ## the digits pipeline: a sound model pushed, one that reads a scanner's mark blocked
	@$(BIN)/python -m tfx_explain.pipelines.digits.demo $(if $(VERBOSE),--verbose)

demo-tickets: environment  ## the tickets pipeline: a sound model pushed, one that reads an agent's signature blocked
	@$(BIN)/python -m tfx_explain.pipelines.tickets.demo $(if $(VERBOSE),--verbose)

test: lint  ## lint, types and all tests
	$(PYTEST)
	@$(BIN)/python -m tfx_explain.flink.jars

test-fast: environment  ## the tests that take seconds; EVERY=10 runs each file's first test, and of the others each tenth
	$(PYTEST) -m "not slow and not flink and not flink_cluster and not airflow and not kubeflow and not spark" --every $(EVERY)

##@ Tests, in parts

test-some: environment  ## the tests of the files and folders in TESTS, slow ones too: make test-some TESTS="tests/gate tests/cli"
	$(PYTEST) $(TESTS)

test-flink: environment  ## the Explainer on a Flink of its own, against the DirectRunner; needs Java and Maven
	@$(BIN)/python -m tfx_explain.flink.jars --fetch
	$(BIN)/python -m pytest -m flink tests/flink

test-flink-cluster: environment  ## the same on a cluster of two machines, while workers and machines die; needs root and iproute2 too
	@flink/alone.sh --check
	@$(BIN)/python -m tfx_explain.flink.jars --fetch
	flink/alone.sh $(BIN)/python -m pytest -m flink_cluster tests/flink

test-airflow:  ## the census pipeline under Airflow's scheduler, three runs, in which tasks are killed; RUNS=2 is the short form
	@$(MAKE) --no-print-directory environment VENV=.venv-airflow TFX=airflow
	.venv-airflow/bin/python -m pytest -m airflow tests/airflow

test-spark: environment  ## the Explainer on a Spark of its own, against the DirectRunner; needs Java and Maven
	$(BIN)/python -m pytest -m spark tests/spark

test-kubeflow: environment  ## compiled pipelines read by Kubeflow's SDK, and run task by task in the image; RUNS=2 is the short form
	@$(MAKE) --no-print-directory environment VENV=.venv-kfp TFX=kfp
	storage=$$(tests/kubeflow/image.sh $(BIN)/python) && \
	  CONTAINERS_STORAGE_CONF=$$storage $(BIN)/python -m pytest -m kubeflow tests/kubeflow

test-debian13:  ## all tests and the demo on Debian 13 (TFX 1.21, Python 3.13), in a chroot; needs root and debootstrap
	@tools/debian13.sh

##@ Building

image: environment  ## the image for tasks on Kubeflow Pipelines and Vertex AI; IMAGE=name, BASE=another base image
	@tools/image.sh $(BIN)/python "$(IMAGE)" "$(BASE)"

##@ Working on it

lint: environment  ## formatting, lint, which way imports point, and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: environment  ## speed and error, beside other libraries, and which goals are met; rewrites benchmarks/RESULTS.md and .json (an hour, best on an idle machine)
	@$(BIN)/python -m benchmarks

bench-torch: environment  ## the same beside Captum on PyTorch and alibi, in an environment of their own, which takes 8 GB of disk
	@$(MAKE) --no-print-directory environment VENV=.venv-peers TFX=peers
	@$(BIN)/python -m benchmarks torch_peers

docs: environment  ## the README's picture (of the last demonstration's report, or of one run now; needs Chromium), and the guides' site, in build/docs
	@ls build/census-demo/artifacts/ThresholdValidator/validation/*/report.html >/dev/null 2>&1 || $(DEMO)
	@$(BIN)/python docs/report_picture.py
	@$(MAKE) --no-print-directory environment VENV=.venv-docs TFX=docs
	.venv-docs/bin/python -m sphinx -q -W --keep-going -b html docs build/docs

dist:  ## the sdist and the wheel, into dist/, and what PyPI would say of them
	@$(MAKE) --no-print-directory environment VENV=.venv-dist TFX=dist
	rm -rf dist
	.venv-dist/bin/python -m build --no-isolation --outdir dist .
	.venv-dist/bin/twine check --strict dist/*

environment:  ## only the set-up, into $(VENV)
	@for python in python3 /usr/bin/python3 /usr/local/bin/python3 python; do \
	  if $$python -c '' 2>/dev/null; then \
	    exec $$python tools/environment.py --venv "$(VENV)" --python "$(PYTHON)" --tfx "$(TFX)"; \
	  fi; \
	done; echo "There is no working python3 here. Install one (Debian, Ubuntu: sudo apt-get install python3-venv)." >&2; exit 1

proto:  ## regenerate proto/*_pb2.py and .pyi from proto/*.proto
	@$(MAKE) --no-print-directory environment VENV=.venv-proto TFX=proto
	.venv-proto/bin/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. tfx_explain/proto/*.proto

lock: environment  ## resolve requirements/*.in again, keeping the pins that still fit; LOCK=--upgrade renews them all
	for python in 3.10 3.11; do \
	  lock=tfx116-py$$(echo $$python | tr -d .).txt; \
	  $(COMPILE) $(LOCK) $(LEGACY) --extra test --python-version $$python -o requirements/$$lock && \
	  cp requirements/$$lock $(USERS) && $(COMPILE) $(LEGACY) --python-version $$python -o $(USERS)/$$lock || exit 1; \
	done
	$(COMPILE) $(LOCK) --universal --python-version 3.10 --extra test setup.py requirements/tfx121.in -o requirements/tfx121.txt
	cp requirements/tfx121.txt $(USERS)
	$(COMPILE) --universal --python-version 3.10 setup.py requirements/tfx121.in -o $(USERS)/tfx121.txt
	$(COMPILE) $(LOCK) --python-platform x86_64-manylinux2014 --python-version 3.10 setup.py requirements/tfx116.in \
	  requirements/airflow.in -o requirements/tfx116-airflow.txt
	$(COMPILE) $(LOCK) --python-platform x86_64-manylinux_2_28 --python-version 3.10 requirements/peers.in -o requirements/peers.txt
	for name in uv build proto kfp dist docs; do \
	  $(COMPILE) $(LOCK) --universal --python-version 3.10 requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done

clean:  ## remove the environments and what was built
	rm -rf .venv .venv-* build dist *.egg-info
