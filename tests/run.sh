#!/usr/bin/env bash
# All of CI: style, then units and claims, then every notebook; where CI is
# set, also the slow units, and some notebooks as Colab's TPU runtime has them,
# without TensorFlow.
#   bash tests/run.sh [style] [units] [notebooks] [copy] [platform]
set -euo pipefail
bin=${BIN:-.venv/bin}
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
export COURSE_HOME=$home JUPYTER_PLATFORM_DIRS=1
parts=${*:-style units notebooks ${CI:+platform}}
# Several files, or notebooks, at a time; each runs whole in one process.
several=(-n logical --maxprocesses 4 --dist loadfile)
if [[ $parts == *platform* ]]; then
  # Its packages come while the first units run.
  nice "$bin/python" tests/platforms.py colab-tpu install >/dev/null &
fi
for part in $parts; do
  case $part in
    style)
      "$bin/ruff" check .
      "$bin/ruff" format --check .
      ;;
    units)
      # With the examples in the docstrings.
      MPLBACKEND=agg "$bin/pytest" "${several[@]}" --durations 20 \
        -m "${CI:+slow or }not slow" --doctest-modules \
        --ignore tests/environments tests course_utils
      ;;
    notebooks)
      # As a student's session, which sets nothing of its own.
      unset TF_CPP_MIN_LOG_LEVEL
      COURSE_SOURCE=drawings "$bin/python" -m pytest "${several[@]}" \
        -p tests.solutions -p tests.noise --nbval-lax --nbval-current-env \
        --nbval-cell-timeout 300 --durations 20 notebooks
      ;;
    copy)
      # A student's own copy, answers included: the lessons run, and no more.
      COURSE_SOURCE=drawings "$bin/python" -m pytest "${several[@]}" \
        -p tests.noise --nbval-lax --nbval-current-env \
        --nbval-cell-timeout 300 notebooks
      ;;
    platform)
      wait
      "$bin/python" tests/platforms.py colab-tpu \
        notebooks/00_*.ipynb notebooks/06_*.ipynb
      ;;
    *)
      echo "Name style, units, notebooks, copy or platform, not $part."
      exit 2
      ;;
  esac
done
