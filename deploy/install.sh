#!/bin/sh
# Installs photodiary from this clone as a service, brings it up to date, or takes it away again.  What it does is told in deploy/guide/install.md.
# Here: the help, the system's libraries and a Python; deploy/installing/ does the rest.
set -eu
umask 022
PATH="$PATH:/usr/sbin:/sbin"

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)

usage() {
    cat <<'HELP'
usage: deploy/install.sh [--inbox PATH] [options]

Installs photodiary as a service of this machine (as root), or for yourself alone (--user). Run it again to bring it up to date, to add a diary, or
after changing a folder in config.toml: it keeps settings and photos, and changes only what needs it.

  --inbox PATH      the folder that your photos arrive in (Syncthing, Nextcloud, Dropbox, rsync, ...); photodiary only ever reads there
  --archive PATH    the folder for everything about this diary (default: /var/lib/photodiary/NAME)
  --diary NAME      the diary's name: letters, digits, - and _ (default: me); with another name, a further diary is added
  --timezone TZ     the time zone you live in, such as Europe/Berlin (default: this machine's)
  --user            for yourself alone, without root, below ~/.local/share/photodiary
  --cpu             PyTorch's much smaller build without CUDA, where it can be had
  --yes             do not ask: also give the service the right to read an inbox of somebody else's
  --uninstall       remove program and service; configuration, photos and films stay
  --purge           remove the configuration and what the service learnt, too; never an archive
  --help            this

Exit status: 0 done, 64 called wrongly, 75 try again later, 78 the configuration is wrong, 1 anything else.
HELP
}

user=no removing=no
for argument in "$@"; do
    case $argument in
    --help | -h) usage && exit 0 ;;
    --user) user=yes ;;
    --uninstall | --purge) removing=yes ;;
    esac
done

if [ "$user" = no ] && [ "$(id -u)" != 0 ]; then
    echo "photodiary: to install for the whole machine, run: sudo $here/install.sh (for yourself alone: $here/install.sh --user)" >&2
    exit 64
fi
if [ "$user" = yes ] && [ -n "${SUDO_USER:-}" ]; then
    echo "photodiary: --user installs for whoever calls it; call it without sudo" >&2
    exit 64
fi

# A Python that the service may run: not one from somebody's home (pyenv, conda), which it cannot see.
usable() {
    found=$(command -v "$1" 2>/dev/null) || return 1
    lies=$("$found" -c 'import os, sys
if sys.version_info < (3, 11): sys.exit(1)
try: import ensurepip, venv
except ImportError: sys.exit(2)
print(os.path.realpath(sys.executable))' 2>/dev/null) || {
        [ $? = 2 ] && old=no
        return 1
    }
    old=no
    [ "$user" = yes ] && return 0
    case $lies in
    /root/* | /home/* | /tmp/* | /run/*) return 1 ;;
    esac
}

find_python() {
    old=yes
    for candidate in ${PYTHON:+"$PYTHON"} /usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11 /usr/local/bin/python3; do
        usable "$candidate" && python=$found && return 0
    done
    return 1
}

if [ "$removing" = no ]; then
    sh "$here/system-packages.sh" service || exit 1
    if ! find_python; then
        if [ "$old" = yes ]; then
            echo "photodiary: it needs Python 3.11 or newer, and there is none here. Debian 12, Ubuntu 24.04, Fedora and openSUSE Tumbleweed bring it;" >&2
            echo "  elsewhere: sudo apt-get install python3.11 python3.11-venv, sudo dnf install python3.11, or sudo zypper install python311" >&2
        else
            echo "photodiary: Python 3.11 or newer is here, but without venv, or only in somebody's home, where the service cannot reach it;" >&2
            echo "  install it for all: sudo apt-get install python3-venv (or name another one: PYTHON=/path/to/python3 $here/install.sh ...)" >&2
        fi
        exit 1
    fi
else
    python=$(command -v /usr/bin/python3 || command -v python3) || { echo "photodiary: there is no python3 to uninstall with" >&2 && exit 1; }
fi
exec "$python" -E -s -B "$here/installing" "$@"
