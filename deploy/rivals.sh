#!/usr/bin/env bash
# Make the second environment, in which `photodiary compare` runs MediaPipe's face mesh with irises.
#
# It needs an old numpy and brings its own OpenCV, so it never shares an environment with photodiary.  0.10.21 is the last
# wheel with the models inside: nothing is downloaded at run time.  Usage: deploy/rivals.sh [DIR], by default .rivals
set -euo pipefail
cd "$(dirname "$0")/.."
where=${1:-.rivals}
python=${PYTHON:-python3}
"$python" - <<'PY' || { echo "rivals.sh: mediapipe 0.10.21 has wheels for Python 3.9 to 3.12; name one with PYTHON=python3.12" >&2; exit 1; }
import sys
sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 12))
PY
"$python" -m venv "$where"
"$where/bin/pip" install --quiet --disable-pip-version-check 'mediapipe==0.10.21' 'numpy<2'
"$where/bin/python" -c 'import mediapipe' 2>/dev/null
echo "ready: photodiary compare finds $where/bin/python (or name another with --rivals DIR)"
