#!/bin/bash
# The whole life of a service on a fresh Debian: deploy/install.sh twice, a photo that arrives later in another user's 0700 home, the owner's own commands,
# an upgrade, one that does not start, a second diary, --uninstall and --purge.  Debian's own systemd is process 1 there, in namespaces of its own, and has
# no network at all; install.sh has this machine's, which need only reach the package registries.
#
#   sudo tests/deploy/fresh_root.sh        (needs debootstrap and cgroup2; takes minutes and 20 GB in $FRESH, so it is no part of CI)
#
# FRESH: where the root is made (default /tmp/photodiary-fresh).  FRESH_BASE: a debootstrapped folder to begin with.  FRESH_WHEELS: a folder of wheels with
# all that is needed, to fetch nothing.  FRESH_PYTHON: a Python that has photodiary's tests' packages, to make photos with (default .venv/bin/python).
# FRESH_STEP=shell: ends with a shell in there.
set -euo pipefail
umask 022
export PATH="$PATH:/usr/sbin:/sbin"
clone=$(cd "$(dirname "$0")/../.." && pwd)
fresh=${FRESH:-/tmp/photodiary-fresh}
root=$fresh/root
python=${FRESH_PYTHON:-$clone/.venv/bin/python}
cgroup=$(findmnt -n -t cgroup2 -o TARGET | head -1)/photodiary-fresh-$$
init=''

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
finish() {
    [ -n "$init" ] && kill -KILL "$init" 2>/dev/null
    wait 2>/dev/null || true
    sleep 1
    find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
}
trap finish EXIT

# ---- a root ----------------------------------------------------------------------------------------------------------------
prepare() {
    [ "$(id -u)" = 0 ] || fail "call it as root"
    rm -rf --one-file-system "$fresh"
    mkdir -p "$fresh"
    if [ -n "${FRESH_BASE:-}" ]; then cp -a "$FRESH_BASE" "$root"; else debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >"$fresh/debootstrap.log"; fi
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    for file in /etc/pip.conf /etc/xdg/pip; do # how this machine reaches the registries
        [ -e "$file" ] && mkdir -p "$root$(dirname "$file")" && cp -a "$file" "$root$file"
    done
    mkdir -p "$root/root/clone"
    (cd "$clone" && git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -T - -cf - 2>/dev/null) | tar -C "$root/root/clone" -xf -
    "$python" - "$clone" "$fresh/photos" <<'PY'
import sys, pathlib
sys.path[:0] = [sys.argv[1] + "/deploy"]
from selfies import month
folder = pathlib.Path(sys.argv[2]); folder.mkdir()
for number, selfie in enumerate(month(6)):
    (folder / f"{number}.jpg").write_bytes(selfie.data)
PY
    # What a server has: its own systemd, and what install.sh brings from Debian, so that what it leaves elsewhere shows.
    cat >"$fresh/provide.sh" <<'SH'
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends systemd systemd-sysv libpam-systemd dbus dbus-user-session acl >/dev/null
for unit in systemd-networkd systemd-resolved systemd-timesyncd systemd-udevd systemd-sysctl systemd-modules-load apt-daily.timer apt-daily-upgrade.timer; do
    systemctl mask -q "$unit"
done
useradd --create-home --shell /bin/bash anna && chmod 700 /home/anna
useradd --create-home --shell /bin/bash ben && chmod 700 /home/ben
useradd --create-home --shell /bin/bash --uid 1777 carol && chmod 700 /home/carol
ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime
SH
    mkdir -p "$root/run/host" && cp "$fresh/provide.sh" "$root/tmp/"
    unshare --mount --propagation private sh -c "mount --bind '$root' '$root' && mount -t proc proc '$root/proc' && mount --rbind /dev '$root/dev' &&
        exec chroot '$root' env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin sh /tmp/provide.sh" >"$fresh/provide.log" 2>&1 || fail "see $fresh/provide.log"
    rm "$root/tmp/provide.sh"
}

# ---- its systemd, in namespaces of its own -----------------------------------------------------------------------------------
boot() {
    cat >"$fresh/boot.sh" <<'SH'
set -e
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run" -o mode=755
mount -t tmpfs tmpfs "$root/tmp" -o mode=1777
mount -t sysfs sysfs "$root/sys" 2>/dev/null || mount -t tmpfs tmpfs "$root/sys"
mkdir -p "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/dev" -o mode=755
for name in null zero full random urandom tty; do
    touch "$root/dev/$name" && mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir -p "$root/dev/shm" "$root/dev/pts" "$root/dev/mqueue"
mount -t tmpfs tmpfs "$root/dev/shm" -o mode=1777
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
if [ -n "$FRESH_WHEELS" ]; then
    mkdir -p "$root/run/on-disk$FRESH_WHEELS" && mount --bind -o ro "$FRESH_WHEELS" "$root/run/on-disk$FRESH_WHEELS"
fi
cd "$root"
pivot_root . mnt
exec chroot . sh -c 'umount -l /mnt; exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --show-status=0 systemd.unified_cgroup_hierarchy=1' </dev/null
SH
    mkdir "$cgroup"
    (echo "$BASHPID" >"$cgroup/cgroup.procs" && exec unshare --cgroup --mount --pid --fork --uts --ipc --net --propagation private \
        env FRESH_WHEELS="${FRESH_WHEELS:-}" sh "$fresh/boot.sh" "$root") >"$fresh/boot.log" 2>&1 &
    local unshared=$!
    for _ in $(seq 100); do
        sleep 0.2
        init=$(cat "/proc/$unshared/task/$unshared/children" 2>/dev/null | tr -d ' ')
        [ -n "$init" ] && [ "$(cat "/proc/$init/comm")" = systemd ] && inside systemctl is-system-running 2>/dev/null | grep -Eq 'running|degraded' && return
    done
    cat "$fresh/boot.log"
    fail "systemd did not come up"
}

# A command in there; with this machine's network, which systemd's units have not.
inside() {
    nsenter --target "$init" --mount --pid --uts --ipc --cgroup env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DEFAULT_TIMEOUT=180 ${FRESH_WHEELS:+PIP_NO_INDEX=1 PIP_FIND_LINKS=/run/on-disk$FRESH_WHEELS} "$@"
}
anna() { inside setpriv --reuid=anna --regid=anna --init-groups env HOME=/home/anna "$@"; }
install_sh() {
    local began=$SECONDS status=0
    inside /root/clone/deploy/install.sh "$@" </dev/null >"$fresh/said" 2>&1 || status=$?
    sed 's/^/    | /' "$fresh/said"
    echo "    (exit status $status, $((SECONDS - began)) s)"
    return "$status"
}
# All that lies on its disk, with owner, mode, size and (for the second call) time.
tree() {
    # shellcheck disable=SC2016
    inside find / -xdev \( -path /var/log -o -path /var/cache -o -path /var/lib/systemd -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /root -o -path /home \
        -o -path /var/tmp -o -path /etc/ld.so.cache -o -name __pycache__ -o -path /etc/passwd- -o -path /etc/group- -o -path /etc/shadow- -o -path /etc/gshadow- \
        -o -path /lost+found \) -prune -o -printf "%p %y %m %U %G %s$1 %l\n" | grep -v '^/\(etc\|etc/systemd/system\|usr/local/bin\|opt\|var/lib\|run\|tmp\) d' | sort
}
photo() { # a photo appears in somebody's folder, for nobody else to read
    # shellcheck disable=SC2016
    nsenter --target "$init" --mount setpriv --reuid="$1" --regid="$1" --init-groups sh -c 'umask 077; cat >"$1.part" && mv "$1.part" "$1"' sh "$3" <"$fresh/photos/$2.jpg"
}
frames() { inside sh -c "find /var/lib/photodiary/$1/frames -name '*.jpg' | wc -l"; }
running() {
    sleep 2
    for unit in photodiary photodiary-review; do
        inside systemctl is-active --quiet "$unit" || fail "$unit does not run: $(inside journalctl --no-pager -n 5 -o cat -u "$unit")"
    done
}
until_there() {
    for _ in $(seq 600); do
        inside test -e "$1" && return
        sleep 0.1
    done
    fail "there is no $1"
}
until_frames() {
    for _ in $(seq 600); do
        [ "$(frames "$1" 2>/dev/null || echo 0)" -ge "$2" ] && return
        sleep 0.1
    done
    inside journalctl --no-pager -n 30 -u photodiary >&2
    fail "$1 has $(frames "$1") frames, not $2"
}

say "a fresh root"
prepare
boot
inside sh /root/clone/deploy/system-packages.sh service >/dev/null 2>&1
tree '' >"$fresh/before"
anna mkdir -p -m 700 "/home/anna/Phone" "/home/anna/Phone/Camera"
photo anna 0 "/home/anna/Phone/Camera/0.jpg"

say "it says how it is called"
install_sh && fail "without an inbox it should not have gone on"
grep -q -- '--inbox' "$fresh/said" || fail "it should have told of --inbox"

say "the first time"
install_sh --inbox /home/anna/Phone/Camera --cpu || fail "install.sh"
running
tree ' %T@' >"$fresh/once"

inside journalctl --no-pager -o cat -u photodiary-look | grep -q Finished || fail "systemd itself should have tried whether the inbox may be read"

say "the second time"
install_sh || fail "install.sh"
grep -q 'nothing needed a change' "$fresh/said" || fail "it should have found nothing to change"
tree ' %T@' >"$fresh/twice"
diff <(grep -v '^/var/lib/photodiary' "$fresh/once") <(grep -v '^/var/lib/photodiary' "$fresh/twice") || fail "the second call changed something"

say "a photo that arrives later, for its owner alone to read, in a home that is closed to others"
until_frames me 1
began=$(date +%s%N)
photo anna 1 "/home/anna/Phone/Camera/1.jpg"
until_frames me 2
echo "    a frame $((($(date +%s%N) - began) / 1000000)) ms later"
inside stat -c '    %A %U %n' /home/anna /home/anna/Phone/Camera /home/anna/Phone/Camera/1.jpg

say "its owner's commands, and root's"
anna photodiary status | sed 's/^/    | /'
inside photodiary photos list >/dev/null
inside find /var/lib/photodiary /etc/photodiary ! -user anna | grep . && fail "these belong to somebody else than anna"

say "an upgrade"
inside sed -i 's/__version__ = ".*"/__version__ = "77.1"/' /root/clone/service/photodiary/__init__.py
install_sh || fail "the upgrade"
[ "$(anna photodiary version)" = "77.1" ] || anna photodiary version | grep -q 77.1 || fail "it should be 77.1"
inside sh -c 'ls /var/lib/photodiary/me/ledger-before-77.1-*.sqlite3' || fail "there should be a copy of the diary database"
running

say "an upgrade that does not become ready"
inside sh -c 'cd /root/clone/service/photodiary && cp run/daemon.py /root/daemon.py && sed -i "s/77.1/77.2/" __init__.py && cat >>run/daemon.py' <<'PY'
if __import__("os").environ.get("NOTIFY_SOCKET"):
    raise SystemExit("this version is broken")
PY
install_sh && fail "it should have said that it failed"
anna photodiary version | grep -q 77.1 || fail "77.1 should be in force again"
running
inside sh -c 'cp /root/daemon.py /root/clone/service/photodiary/run/daemon.py && sed -i "s/77.2/77.1/" /root/clone/service/photodiary/__init__.py'

say "a program that is older than the database"
form() { anna python3 -c 'import sqlite3, sys; d = sqlite3.connect("/var/lib/photodiary/me/ledger.sqlite3"); v = d.execute("PRAGMA user_version").fetchone()[0]
d.execute("PRAGMA user_version=" + (sys.argv[1] if sys.argv[1:] else str(v))); print(v)' "$@"; }
inside systemctl stop photodiary photodiary-review
was=$(form)
form 99 >/dev/null
inside sed -i 's/77.1/0.0.1/' /root/clone/service/photodiary/__init__.py
install_sh && fail "it should have refused"
grep -q 'made by a newer photodiary' "$fresh/said" || fail "it should have said why"
form "$was" >/dev/null
inside systemctl start photodiary photodiary-review
running
anna photodiary version | grep -q 77.1 || fail "77.1 should be in force"
inside sed -i 's/0.0.1/77.1/' /root/clone/service/photodiary/__init__.py

say "a second diary, of somebody else's photos"
inside setpriv --reuid=ben --regid=ben --init-groups mkdir -p -m 700 "/home/ben/Photos 100% \"of\" Ben's"
photo ben 2 "/home/ben/Photos 100% \"of\" Ben's/2.jpg"
install_sh --diary ben --inbox "/home/ben/Photos 100% \"of\" Ben's" && fail "without --yes nothing is taken"
grep -q setfacl "$fresh/said" || fail "it should have told the one command"
install_sh --diary ben --inbox "/home/ben/Photos 100% \"of\" Ben's" --yes || fail "install.sh"
until_frames ben 1
photo ben 3 "/home/ben/Photos 100% \"of\" Ben's/3.jpg"
until_frames ben 2
[ "$(frames me)" = 2 ] || fail "anna's diary should be as it was"
for name in me ben; do until_there "/var/lib/photodiary/$name/films/latest.mp4"; done

say "for herself alone: carol"
inside loginctl enable-linger carol
until_there /run/user/1777/systemd/private
carol() { inside setpriv --reuid=carol --regid=carol --init-groups env HOME=/home/carol XDG_RUNTIME_DIR=/run/user/1777 PHOTODIARY_INSTALL_VENV=/opt/photodiary/venv "$@"; }
inside cp -a /root/clone /opt/clone
carol /opt/clone/deploy/install.sh --user --inbox /home/carol/Photos </dev/null | sed 's/^/    | /'
photo carol 4 /home/carol/Photos/4.jpg
until_there /home/carol/.local/share/photodiary/me/films/latest.mp4
carol systemctl --user is-active photodiary photodiary-review
carol /opt/clone/deploy/install.sh --user --purge --yes </dev/null | sed 's/^/    | /'
carol find /home/carol -path '*photodiary*' -maxdepth 4
carol test -e /home/carol/.local/share/photodiary/me/films/latest.mp4 || fail "carol's archive is gone"
inside loginctl disable-linger carol
inside rm -r /opt/clone

[ "${FRESH_STEP:-}" = shell ] && inside bash

say "--uninstall"
install_sh --uninstall || fail "install.sh --uninstall"
inside sh -c 'ls /opt/photodiary /usr/local/bin/photodiary /etc/systemd/system/photodiary*' 2>/dev/null | grep . && fail "something is left"
inside sh -c 'ls /etc/photodiary/config.toml /var/lib/photodiary/me/ledger.sqlite3 /var/lib/photodiary/ben/films/latest.mp4' || fail "something is gone"
say "--purge"
install_sh --purge && fail "it should have asked"
install_sh --purge --yes || fail "install.sh --purge"
inside sh -c 'ls /var/lib/photodiary/me/ledger.sqlite3 /var/lib/photodiary/ben/films/latest.mp4' || fail "an archive is gone"
inside sh -c 'ls -A /var/lib/photodiary'
inside rm -r /var/lib/photodiary
tree '' >"$fresh/after"
diff "$fresh/before" "$fresh/after" || fail "it left something"
say "all of it holds ($((SECONDS / 60)) min $((SECONDS % 60)) s)"
