# What CI runs is what you run: `./dev just check`, `./dev test`.

export UV_CUSTOM_COMPILE_COMMAND := "just lock"

compile := "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links"

default:
    @just --list

# Formatting, lint, types, layers, tidiness: all of them, and a failure if any failed.
check:
    #!/bin/sh
    failed=
    for part in lint types layers web tidy; do
        echo "--- $part"
        just "$part" || failed="$failed $part"
    done
    [ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }

lint:
    ruff format --check .
    ruff check .

types:
    pyright

layers:
    lint-imports --no-cache --no-logo

# The command center's sources: TypeScript, strict.
web:
    python scripts/web_bundle.py --check

tidy:
    pytest -q tests/tidy

# Error codes without a page, and pages without a code.
errors:
    python scripts/error_codes.py

# Links, commands and code in the documentation.
docs-check:
    pytest -q tests/tidy/test_docs.py tests/tidy/test_errors.py

# Format and fix what can be fixed by itself.
fix:
    ruff format .
    ruff check --fix .

# Everything; long runs in their bounded form.
test *args:
    pytest -q {{args}}

# Without the long ones.
test-fast *args:
    pytest -q -m "not long" {{args}}

bench *args:
    python -m benchmarks heart {{args}}

# Renew requirements/*.lock (versions and hashes, no addresses). `just lock --upgrade` takes newer releases.
lock *args:
    {{compile}} {{args}} requirements/bootstrap.in -o requirements/bootstrap.lock
    {{compile}} {{args}} --extra postgres --extra behaviour --extra mcp --group build pyproject.toml -o requirements/runtime.lock
    {{compile}} {{args}} --extra postgres --extra behaviour --extra mcp --group dev -c requirements/runtime.lock pyproject.toml -o requirements/dev.lock
