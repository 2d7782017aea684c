#!/usr/bin/env bash
# tf2_msgs for a virtual environment whose ROS comes from PyPI: generated from scripts/tf2_msgs by the wheels' own
# rosidl. Does nothing where tf2_msgs is there already. Needs cmake, a C++ compiler and Python's headers; without them
# the graphs work too, but only with poses on <camera>/transform instead of /tf.
set -euo pipefail
cd "$(dirname "$0")/.."
VENV="$(cd "${VENV:-.venv}" && pwd)"
python="$VENV/bin/python"

"$python" -c "import tf2_msgs.msg" 2>/dev/null && exit 0
header="$("$python" -c "import sysconfig; print(sysconfig.get_paths()['include'] + '/Python.h')")"
for need in cmake g++; do
  command -v "$need" >/dev/null || { echo ">> no tf2_msgs: $need is missing (apt-get install cmake g++ python3-dev)"; exit 0; }
done
[ -f "$header" ] || { echo ">> no tf2_msgs: $header is missing (apt-get install python3-dev)"; exit 0; }

echo ">> tf2_msgs (generated)"
"$python" -m pip --disable-pip-version-check install -q -c constraints.txt -e ".[generators]"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
export AMENT_PREFIX_PATH="$VENV" CMAKE_PREFIX_PATH="$VENV" PATH="$VENV/bin:$PATH"
{
  cmake -S scripts/tf2_msgs -B "$build" -DPython3_EXECUTABLE="$python" -DBUILD_TESTING=OFF \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$VENV"
  cmake --build "$build" --parallel --target install
} >"$build.log" 2>&1 || { tail -30 "$build.log" >&2; echo "error: tf2_msgs could not be built, see $build.log" >&2; exit 1; }
rm -f "$build.log"
"$python" -c "import tf2_msgs.msg"
