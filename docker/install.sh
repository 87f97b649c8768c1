#!/bin/sh
# Install the program from a checkout into a virtual environment of its own. The Dockerfile runs this, and
# so does the test that has no container engine: what is tested there is what the image does.
#
#   install.sh SOURCE TARGET
#
# Needs python3 (3.11 or later) with venv, and PyPI. Leaves SOURCE as it was.
set -eu

source=$1
target=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The wheel is built by the locked build backend, away from what will run.
python3 -m venv "$work/build"
"$work/build/bin/pip" install --quiet --no-cache-dir --require-hashes --requirement "$source/docker/build.lock"
cp -R "$source" "$work/source"
"$work/build/bin/python" -m build --wheel --no-isolation --outdir "$work/dist" "$work/source" >/dev/null

python3 -m venv "$target"
"$target/bin/pip" install --quiet --no-cache-dir --require-hashes --requirement "$source/docker/runtime.lock"
"$target/bin/pip" install --quiet --no-cache-dir --no-deps "$work"/dist/*.whl
"$target/bin/pip" check
# What runs later needs no installer.
"$target/bin/python" -m pip --quiet uninstall --yes setuptools pip
"$target/bin/notifier" --version
