#!/usr/bin/env bash
# Creates or updates .venv from the hashed lock file named by $1 (runtime or dev); nothing to do costs a few milliseconds.
# A folder ./wheelhouse (make wheelhouse) is used instead of the network when it exists.
set -euo pipefail
cd "$(dirname "$0")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1
python=${PYTHON:-python3}
stop() { echo "$1" >&2; exit 1; }

case "$1" in
  runtime) lock=requirements.txt ;;
  dev) lock=requirements-dev.txt ;;
  *) stop "usage: scripts/env.sh runtime|dev" ;;
esac

# dev is a superset of runtime, so its stamp answers for both.
hash_of() { cat requirements.txt "$1" | sha256sum | cut -d' ' -f1; }
dev_hash=$(hash_of requirements-dev.txt)
hash=$(hash_of "$lock")
stamp=.venv/.installed
installed=$(cat "$stamp" 2>/dev/null || true)
if [ -n "$installed" ] && [ -x .venv/bin/python ] && { [ "$installed" = "$hash" ] || [ "$installed" = "$dev_hash" ]; }; then
  exit 0
fi

command -v "$python" >/dev/null || stop "Python 3.11 or newer is missing: apt-get install python3 python3-venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  stop "$("$python" --version) is too old: install Python 3.11 or newer and run: make PYTHON=python3.11 ${MAKECMDGOALS:-run}"
"$python" -c 'import ensurepip, venv' 2>/dev/null || stop "Python's venv module is missing: apt-get install python3-venv"

# A half-made environment (interrupted set-up, removed Python) is made anew; a whole one is updated in place.
.venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv
rm -f "$stamp"
source_of_wheels=()
[ -d wheelhouse ] && source_of_wheels=(--no-index --find-links wheelhouse)
echo "Installing the packages of $lock into .venv …" >&2
.venv/bin/python -m pip install -qq --require-hashes --no-deps "${source_of_wheels[@]}" -r "$lock" ||
  stop "Installing the packages failed; the lines above say which. Run the same command again once the cause is gone."
echo "$hash" >"$stamp"
