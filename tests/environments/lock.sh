#!/usr/bin/env bash
# Write the exact package sets, for all systems at once: tested.txt, which
# `make` installs, and oldest.txt, the lowest that requirements.txt promises.
# Versions in these files stay while they fit; UPGRADE=1 takes the newest.
# The course asks for tensorflow; where a smaller CPU wheel exists, lock that.
set -euo pipefail
folder=$(dirname "$0")
list=$(mktemp)
trap 'rm -f "$list"' EXIT
cpu='((sys_platform == "linux" and platform_machine == "x86_64") or sys_platform == "win32")'
other='(sys_platform == "darwin" or (sys_platform == "linux" and platform_machine != "x86_64"))'
sed -E "s/^tensorflow(>=.*) ; (.*)$/tensorflow-cpu\1 ; \2 and $cpu\ntensorflow\1 ; \2 and $other/" \
  requirements.txt tests/requirements.txt > "$list"
# TensorFlow holds h5py back, to versions without wheels for Python 3.14.
echo 'h5py>=3.15 ; python_version >= "3.14"' >> "$list"
lock() {
  uv pip compile --quiet --universal --python-version 3.11 --no-header \
    --no-annotate ${UPGRADE:+--upgrade} "$list" "$@"
}
lock --output-file "$folder/tested.txt"
lock --resolution lowest-direct --output-file "$folder/oldest.txt"
