#!/bin/sh
# System libraries that the Python packages need but do not bring: OpenCV's wheel links libGL and GLib.
# Does nothing when they are there; otherwise installs them (as root), or says the one command that does.
# `system-packages.sh browser`: the same for a Chromium, which only the tests of the page need.
set -eu
PATH="$PATH:/sbin:/usr/sbin" # where ldconfig is, also for those who are not root

missing=""
if [ "${1:-}" = browser ]; then
    what="its tests need a browser"
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing=" chromium fonts-dejavu-core"
else
    what="it needs system libraries"
    ldconfig -p 2>/dev/null | grep -q 'libGL\.so\.1' || missing="$missing libgl1"
    ldconfig -p 2>/dev/null | grep -q 'libglib-2\.0\.so\.0' || missing="$missing libglib2.0-0"
    python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
fi
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "photodiary: $what; install with: sudo apt-get install$missing" >&2
    exit 1
fi
