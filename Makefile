# `make demo` renders the example release, `make test` runs every test. Both install what they need.

PYTHON ?= python3
BIN := .venv/bin
OUT ?= demo-out
EXAMPLE := examples/my-app/canary.yaml

.PHONY: demo test quick mutants dist test-dist worlds world test-world test-gitops world-load world-kill site agreement races lint types ci bench bench-rollback bench-validate bench-forms bench-adopt bench-safety bench-fleets bench-growth comparison schemas clean

demo: .venv/.installed
	@$(BIN)/kubectl-canary render -f $(EXAMPLE) --all -o dir=$(OUT)
	@echo
	@$(BIN)/kubectl-canary plan -f $(EXAMPLE)
	@echo
	@echo "Go on with:"
	@echo "  export PATH=\"$(CURDIR)/$(BIN):\$$PATH\""
	@echo "  kubectl canary init --help"
	@echo "  kubectl canary render -f $(EXAMPLE) --phase deploy | kubectl apply -f -"

test: .venv/.ready-to-test
	$(BIN)/python tests/tools/build.py
	$(BIN)/python -m pytest -n 2

quick: .venv/.ready-to-test
	$(BIN)/python -m pytest -m "not cluster" -n 2

mutants: .venv/.ready-to-test
	$(BIN)/python tests/mutate.py

dist: .venv/.created
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check PyYAML
	$(BIN)/python scripts/dist.py

test-dist: .venv/.ready-to-test
	$(BIN)/python tests/tools/build.py kubectl krew validate-krew-manifest kustomize helm helm3 \
		actionlint yaml-language-server container
	$(BIN)/python -m pytest tests/release

# before a network namespace is entered, which has no way out
worlds: .venv/.ready-to-test
	@$(BIN)/python tests/tools/build.py worlds > /dev/null

GATEWAY ?= traefik
world: worlds
	@$(BIN)/python tests/world/enter.py $(BIN)/python tests/world/world.py $(GATEWAY)

test-world: worlds
	$(BIN)/python tests/world/enter.py $(BIN)/python -m pytest tests/world --short

test-gitops: worlds
	$(BIN)/python tests/world/enter.py $(BIN)/python -m pytest tests/world/test_gitops.py tests/world/test_fleets.py -s

world-load: worlds
	$(BIN)/python tests/world/enter.py $(BIN)/python -m pytest tests/world

world-kill: worlds
	KUBECTL_CANARY_KILLS=200 $(BIN)/python tests/world/enter.py $(BIN)/python -m pytest tests/world/test_killed.py tests/world/test_run.py -k killed -s

site: .venv/.ready-to-test
	$(BIN)/python scripts/pages.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

agreement: .venv/.ready-to-test
	$(BIN)/python tests/tools/build.py
	$(BIN)/python tests/agreement.py

comparison: .venv/.ready-to-test
	$(BIN)/python tests/tools/build.py
	$(BIN)/python tests/comparison.py

races: .venv/.ready-to-test
	$(BIN)/python tests/races.py 10000

lint: .venv/.ready-to-test
	$(BIN)/ruff check .

types: .venv/.ready-to-test
	$(BIN)/mypy

ci: lint types test

bench: .venv/.ready-to-test
	$(BIN)/python benchmarks/start.py
	@echo
	@$(BIN)/python benchmarks/aims.py

bench-rollback: .venv/.ready-to-test
	$(BIN)/python benchmarks/rollback.py

bench-validate: .venv/.ready-to-test
	$(BIN)/python benchmarks/validate.py

bench-adopt: .venv/.ready-to-test
	$(BIN)/python benchmarks/adopt.py

bench-safety: worlds
	$(BIN)/python tests/world/enter.py $(BIN)/python benchmarks/safety.py $(GATEWAY)

bench-fleets: .venv/.ready-to-test
	$(BIN)/python benchmarks/fleets.py

bench-growth: .venv/.ready-to-test
	$(BIN)/python benchmarks/growth.py

bench-forms: .venv/.ready-to-test
	$(BIN)/python benchmarks/forms.py

schemas: .venv/.ready-to-test
	KUBECTL_CANARY_GO="$$($(BIN)/python -c 'import sys; sys.path.insert(0, "tests/tools"); import build; print(build.go())')" \
		$(BIN)/python scripts/update_schemas.py
	$(BIN)/python scripts/compile_rules.py

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "error: $(PYTHON) is older than Python 3.10; say make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "error: $(PYTHON) cannot make virtual environments; install the package python3-venv"; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed: .venv/.created setup.cfg pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.ready-to-test: .venv/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,dev,docs]'
	@touch $@

clean:
	rm -rf .venv build dist $(OUT) *.egg-info
