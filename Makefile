# Each target sees to its own needs: Python 3.11 or newer and make are enough to start.
# Stamps carry a checksum of what they stand for, so a switch of branch renews what it must and nothing else.
.PHONY: setup demo test check bench lock clean judges
.DEFAULT_GOAL := setup

BIN := .venv/bin
JUDGES := .venv-judges/bin
# Settings of this machine that add links or limits of their own stay out of a locked install.
PIP := -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps
sum = $(shell cat $(1) 2>/dev/null | cksum | cut -d' ' -f1)

RUNTIME := requirements/build.txt requirements/runtime.txt
RUNTIME_READY := .venv/.runtime-$(call sum,$(RUNTIME))
PACKAGE_READY := .venv/.package-$(call sum,pyproject.toml requirements/runtime.in)
DEV_READY := .venv/.dev-$(call sum,$(RUNTIME) requirements/dev.txt)
JUDGES_READY := .venv-judges/.ready-$(call sum,requirements/judges.txt)

setup: $(PACKAGE_READY)
	@echo "Ready. Next: make demo"

demo: $(PACKAGE_READY)
	@$(BIN)/threadbridge demo

test: $(DEV_READY) $(PACKAGE_READY) judges
	@.ci/browser
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

check: $(DEV_READY) $(PACKAGE_READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/test_architecture.py
	@.ci/no-addresses

bench: $(DEV_READY) $(PACKAGE_READY)
	@$(BIN)/python -m benchmarks $(ARGS)

judges: $(JUDGES_READY)
	@.ci/judges

# Renews the exact versions and hashes from requirements/*.in, with a tool that lives only as long as it takes.
lock:
	@python=$$(.ci/python) && dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && \
	  $$python -m venv "$$dir" && "$$dir/bin/pip" install -q --disable-pip-version-check uv && \
	  for name in build runtime dev judges; do \
	    "$$dir/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	      --no-annotate --no-emit-index-url --no-emit-find-links requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	  done
	@cd tests/judges && npm install --package-lock-only --ignore-scripts --no-audit --no-fund

clean:
	rm -rf .venv .venv-judges .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
	rm -rf tests/judges/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment of a Python that has gone or become too old is made anew.
.venv/.made .venv-judges/.made: .ci/python
	@if ! $(@D)/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  python=$$(.ci/python) && rm -rf $(@D) && $$python -m venv $(@D); fi
	@touch $@

$(RUNTIME_READY): | .venv/.made
	@echo "Installing what Threadbridge runs on"
	@$(BIN)/python $(PIP) $(RUNTIME:%=-r %)
	@rm -f .venv/.runtime-* && touch $@

$(DEV_READY): | $(RUNTIME_READY)
	@echo "Installing what its tests need"
	@$(BIN)/python $(PIP) -r requirements/dev.txt
	@rm -f .venv/.dev-* && touch $@

$(PACKAGE_READY): | $(RUNTIME_READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f .venv/.package-* && touch $@

$(JUDGES_READY): | .venv-judges/.made
	@echo "Installing the judges that need versions of their own"
	@$(JUDGES)/python $(PIP) -r requirements/judges.txt
	@rm -f .venv-judges/.ready-* && touch $@
