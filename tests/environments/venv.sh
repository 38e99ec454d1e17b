#!/usr/bin/env bash
# Make a virtual environment with a Python that the course runs on.
#   bash tests/environments/venv.sh FOLDER PYTHON...
# Of the named Pythons the first that TensorFlow has wheels for is taken, else
# one that JAX has wheels for; if none serves, uv brings one where it is there.
set -euo pipefail
folder=$1
shift
query='import sys; print(*sys.version_info[:2], sep=".")'
found=
for versions in "3.11 3.12 3.13" "3.14"; do
  for python in "$@"; do
    version=$("$python" -c "$query" 2>/dev/null) || continue
    [[ " $versions " == *" $version "* ]] || continue
    found=${found:-$python}
    if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
      exec "$python" -m venv "$folder"
    fi
  done
done
if command -v uv >/dev/null; then
  exec uv venv --quiet --allow-existing --seed --python "${found:-3.13}" "$folder"
elif [[ $found ]]; then
  echo "$found cannot make environments; on Debian or Ubuntu, run: sudo apt install python3-venv"
else
  echo "The course needs Python 3.11 to 3.14. If you have one, name it, for example: make lab PYTHON=python3.13. If not, install uv, which brings one: docs.astral.sh/uv"
fi
exit 1
