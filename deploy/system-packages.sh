#!/bin/sh
# System libraries that the Python packages need but do not bring: OpenCV's wheel links libGL and GLib.
# Does nothing when they are there; otherwise installs them (as root), or says the one command that does.
set -eu
PATH="$PATH:/sbin:/usr/sbin" # where ldconfig is, also for those who are not root

missing=""
ldconfig -p 2>/dev/null | grep -q 'libGL\.so\.1' || missing="$missing libgl1"
ldconfig -p 2>/dev/null | grep -q 'libglib-2\.0\.so\.0' || missing="$missing libglib2.0-0"
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "photodiary needs system libraries; install them with: sudo apt-get install$missing" >&2
    exit 1
fi
