#!/bin/sh
# Create or bring up to date the environment in .venv, wholly from hash-pinned locks.
#
# Usage: deploy/make_environment.sh run|dev
#
# Needs Python 3.11 and a package index, whichever one this machine is configured for. uv is used when it is on the
# PATH; otherwise it is installed into .venv, from the lock as well.
set -eu

kind=${1:?usage: deploy/make_environment.sh run|dev}
cd "$(dirname "$0")/.."

say() { printf '%s\n' "touchstone: $*" >&2; }

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    say "Python 3.11 was not found. Install it, or name it: make PYTHON=<path to python3.11> ..."
    exit 1
fi

# `pip config get` of older pips does not find what `list` tells.
pip_knows() {
    "$python" -m pip config list 2>/dev/null | sed -n "s/^global\\.$1='\\(.*\\)'\$/\\1/p"
}

# A machine that is configured for pip alone is configured well enough: uv does not read pip's files. Behind a proxy with
# certificates of its own uv's built-in ones know nobody.
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ]; then
    index=${PIP_INDEX_URL:-$(pip_knows index-url)}
    if [ -n "$index" ]; then
        UV_DEFAULT_INDEX=$index
        export UV_DEFAULT_INDEX
    fi
fi
if [ -z "${SSL_CERT_FILE:-}" ]; then
    certificates=${PIP_CERT:-$(pip_knows cert)}
    if [ -f "$certificates" ]; then
        SSL_CERT_FILE=$certificates
        export SSL_CERT_FILE
    fi
fi

if [ -x .venv/bin/python ] && ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    say ".venv holds another Python than 3.11. Remove the folder and run make again."
    exit 1
fi

# A uv that is there but cannot start (a shim without a version behind it) is no uv.
if uv=$(command -v uv) && "$uv" --version >/dev/null 2>&1; then
    [ -x .venv/bin/python ] || "$uv" venv --quiet --python "$python" --no-python-downloads .venv
else
    uv=.venv/bin/uv
    if [ ! -x "$uv" ]; then
        say "uv is not on the PATH; installing it into .venv"
        if ! "$python" -m venv .venv ||
            ! .venv/bin/python -m pip install --quiet --require-hashes --requirement requirements-build.lock; then
            say "uv could not be installed. Do one of these, then run make again:" \
                "install uv and put it on the PATH; install Python's venv module (Debian: python3.11-venv);" \
                "or configure a package index for pip (pip config set global.index-url <your index>)."
            exit 1
        fi
    fi
fi

case $kind in
    run) lock=requirements.lock ;;
    dev) lock=requirements-dev.lock ;;
    *) say "expected run or dev, found $kind"; exit 2 ;;
esac

say "installing what $lock names"
# Compiled here, once: where Python may not write beside a package, each new process would compile what it imports, and a
# trading day starts a dozen.
if ! "$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes "$lock" requirements-build.lock; then
    say "the packages of $lock could not be installed; uv's message above says why." \
        "Without a reachable package index, set UV_DEFAULT_INDEX to one that is."
    exit 1
fi
"$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
