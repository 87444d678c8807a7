#!/bin/sh
# System libraries that the Python packages need but do not bring: OpenCV's wheel links libGL and GLib.
# Does nothing when they are there; otherwise installs them (as root), or says the one command that does.
# `system-packages.sh browser`: the same for a Chromium, which only the tests of the page need.
# `system-packages.sh syncthing`: the same for a Syncthing, which only the tests of a real pair of them need.
# `system-packages.sh service`: the same for what deploy/install.sh needs; another Python 3.11 with venv will do.
set -eu
PATH="$PATH:/sbin:/usr/sbin" # where ldconfig is, also for those who are not root

missing=""
has_library() {
    ldconfig -p 2>/dev/null | grep -q "$1"
}
if [ "${1:-}" = browser ]; then
    what="its tests need a browser"
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing=" chromium fonts-dejavu-core"
elif [ "${1:-}" = syncthing ]; then
    what="its tests need a Syncthing"
    command -v syncthing >/dev/null || missing=" syncthing"
else
    what="it needs system libraries"
    has_library 'libGL\.so\.1' || missing="$missing libgl1"
    has_library 'libglib-2\.0\.so\.0' || missing="$missing libglib2.0-0"
    candidates=${PYTHON:-python3}
    [ "${1:-}" = service ] && candidates="$candidates /usr/bin/python3 python3.14 python3.13 python3.12 python3.11"
    venv=no
    for python in $candidates; do
        "$python" -c 'import ensurepip' 2>/dev/null && venv=yes && break
    done
    [ "$venv" = yes ] || missing="$missing python3-venv"
fi
[ -z "$missing" ] && exit 0

# The same by the names that other distributions give them.
named() {
    for package in $missing; do
        case $1-$package in
        dnf-libgl1) echo mesa-libGL ;;
        dnf-libglib2.0-0) echo glib2 ;;
        zypper-libgl1) echo Mesa-libGL1 ;;
        zypper-libglib2.0-0) echo libglib-2_0-0 ;;
        pacman-libgl1) echo libglvnd ;;
        pacman-libglib2.0-0) echo glib2 ;;
        apk-libgl1) echo mesa-gl ;;
        apk-libglib2.0-0) echo glib ;;
        dnf-python3-venv | zypper-python3-venv | apk-python3-venv) echo python3 ;;
        pacman-python3-venv) echo python ;;
        *-fonts-dejavu-core) ;;
        *) echo "$package" ;;
        esac
    done | tr '\n' ' '
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
    exit 0
fi
command="sudo apt-get install$missing"
for manager in apt-get dnf zypper pacman apk; do
    command -v "$manager" >/dev/null || continue
    case $manager in
    dnf) command="sudo dnf install $(named dnf)" ;;
    zypper) command="sudo zypper install $(named zypper)" ;;
    pacman) command="sudo pacman -S $(named pacman)" ;;
    apk) command="sudo apk add $(named apk)" ;;
    esac
    break
done
echo "photodiary: $what; install with: $command" >&2
exit 1
