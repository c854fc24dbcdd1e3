PYTHON ?= python3

# The user's shell must not decide where packages go or what is imported; the index it names stays.
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON
# Else each worker compiles every test anew, in each run.
unexport PYTHONDONTWRITEBYTECODE
export PIP_ROOT_USER_ACTION := ignore
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The same for pip's configuration files: only the command line outranks them.
install = .venv/bin/python -m pip install $(QUIET) --no-user --target= --prefix="$(CURDIR)/.venv" \
	--constraint .ci/constraints.txt $(1) || { echo "To see all that pip says: make .venv QUIET=" >&2; exit 1; }
QUIET ?= -qq

.PHONY: demo unit test endurance check bench reference drills picture schema-dump clean .venv

demo: .venv/run.stamp
	@.venv/bin/lightkeeper demo

# The unit layer: no network, no database, no other process; a fifth of Hypothesis's examples.
unit: .venv/dev.stamp
	.venv/bin/python -m pytest -q --numprocesses 2 --hypothesis-profile quick -m "not speed" tests/unit

# Everything but endurance; much of it waits, so more at once than there are processors.
test: .venv/dev.stamp
	.venv/bin/python -m pytest -rfEs --numprocesses 6 --dist loadgroup

check: .venv/dev.stamp
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pip check

# Writes the catalogue into dashboards/, and the settings' example into systemd/.
reference: .venv/dev.stamp
	.venv/bin/python tests/support/generated_docs.py

# Writes the table in monitors/drills.md: about two minutes.
drills: .venv/dev.stamp
	.venv/bin/python tests/support/generated_docs.py drills

# Draws daemon/demo.svg from a demo that runs, and dashboards/overview.png from a drill: a minute.
picture: .venv/dev.stamp
	.venv/bin/python tests/support/demo_picture.py
	.venv/bin/python tests/support/board_picture.py

# Writes the newest schema as its version leaves it, before that version is released.
schema-dump: .venv/dev.stamp
	.venv/bin/python tests/support/schema_dump.py

# What takes minutes each.
endurance: .venv/dev.stamp
	.venv/bin/python -m pytest -rfEs --numprocesses 4 --dist loadgroup --no-loadscope-reorder -o timeout=1500 tests/endurance

# What it costs, and the limits of speed as they are promised: alone on the machine.
bench: .venv/dev.stamp
	.venv/bin/python tests/benchmarks
	TESTS_AS_PROMISED=1 .venv/bin/python -m pytest -m speed tests tests/endurance

clean:
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find daemon tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv: .venv/dev.stamp

# The project is built with the backend in .venv: a build environment of pip's own would ignore the pins.
.venv/run.stamp: pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "lightkeeper needs Python 3.11 or newer, not '$(PYTHON)'; name one: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing lightkeeper into .venv" >&2
	@$(call install,hatchling)
	@$(call install,--no-build-isolation --editable '.[web]')
	@touch $@

.venv/dev.stamp: .venv/run.stamp
	@echo "Installing the development tools into .venv" >&2
	@$(call install,--no-build-isolation --editable '.[dev]')
	@touch $@
