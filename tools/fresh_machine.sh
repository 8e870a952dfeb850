#!/usr/bin/env bash
# The README's two commands on a machine that has Python, make and git and nothing else.
#
#   tools/fresh_machine.sh [--suite SUITE] [--with "PACKAGE…"] [--then "PACKAGE…"] [TARGET…]
#   tools/fresh_machine.sh [--suite SUITE] --prepare
#
# Debian's minimal system of a SUITE (bookworm unless told: Python 3.11.2) in a chroot, with PACKAGEs
# of Debian if named; in it a clone of the last commit, by a user without rights, and `make TARGET` for
# each (demo and test unless told). --then installs PACKAGEs after that, and runs `make demo` once more
# and the tests that had skipped. The mirror and pip's settings are this machine's. The system is built
# once, in $CRASHTOOL_FRESH (/var/tmp/crashtool-fresh), by --prepare or by the first run; each run gets a
# copy. Needs root, debootstrap and Debian's keys. Exits 77 when this machine cannot do it, and says why.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=bookworm packages='' more='' prepare=
while [ $# -gt 0 ]; do
    case $1 in
    --suite) suite=$2 && shift 2 ;;
    --with) packages=$2 && shift 2 ;;
    --then) more=$2 && shift 2 ;;
    --prepare) prepare=1 && shift ;;
    -*) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    *) break ;;
    esac
done
[ $# -gt 0 ] || set -- demo test
store=${CRASHTOOL_FRESH:-/var/tmp/crashtool-fresh}
base=$store/$suite

cannot() {
    echo "SKIPPED: no fresh machine here: $*"
    exit 77
}

[ "$(uname -s)" = Linux ] || cannot "it takes Linux"
[ "$(id -u)" = 0 ] || cannot "chroot and debootstrap take root"
unshare --mount --pid --fork true 2>/dev/null || cannot "this system lets nobody make namespaces"
if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || cannot "debootstrap is not installed"
    apt-get update -q >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap >/dev/null 2>&1 ||
        cannot "debootstrap cannot be installed"
fi

# Where apt gets Debian's packages from here; the first that is no update or security suite.
mirror() {
    apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        awk -F'|' '$1 == "Debian" && $2 !~ /-/ { print $3; exit }'
}

build_base() {
    local url script
    url=$(mirror)
    [ -n "$url" ] || cannot "apt here knows no mirror of Debian"
    mkdir -p "$store"
    rm -rf "$base.new"
    # A suite younger than debootstrap here is built as sid is.
    script=/usr/share/debootstrap/scripts/$suite
    [ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
    debootstrap --variant=minbase --include=python3,python3-venv,make,git,ca-certificates \
        "$suite" "$base.new" "$url" "$script" >"$store/$suite.log" 2>&1 ||
        cannot "debootstrap of $suite failed: $(tail -n 1 "$store/$suite.log")"
    rm -rf "$base.new"/var/cache/apt/archives/*.deb
    mv "$base.new" "$base"
}

[ -x "$base/usr/bin/make" ] || build_base
[ -z "$prepare" ] || exit 0

# What a run that was killed has left; its mounts went with it.
mkdir -p "$store"
find "$store" -maxdepth 1 -name 'run.*' -mmin +600 -exec rm -rf {} +
root=$(mktemp -d "$store/run.XXXXXX")
trap 'rm -rf "$root"' EXIT
cp -a "$base/." "$root/"

# This machine's way out: names, certificates, pip's settings and what they point to.
for path in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt /etc/pip.conf /etc/xdg/pip \
    "$HOME/.config/pip" "$HOME/.pip"; do
    [ -e "$path" ] || continue
    target=$root${path/#$HOME/\/home\/new}
    mkdir -p "$(dirname "$target")"
    rm -rf "$target"
    cp -rL "$path" "$target"
done
settings=()
while IFS= read -r line; do
    settings+=("$line")
done < <(env | grep -E '^(PIP_[A-Z_]+|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY|JOBS|SEED)=' || true)
mkdir -p "$store/pip"

chroot "$root" useradd --create-home --shell /bin/bash new 2>/dev/null || true
git clone --quiet --no-hardlinks . "$root/home/new/crashtool"
chroot "$root" chown -R new:new /home/new
if [ -n "$(git status --porcelain)" ]; then
    echo "what is not committed is not on the fresh machine"
fi

# Mounts and processes in namespaces of their own: nothing stays behind.
inside() {
    # shellcheck disable=SC2016 (for the inner shell)
    unshare --mount --pid --fork --propagation private bash -c '
        root=$1 pip=$2 user=$3 && shift 3
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount --rbind /dev "$root/dev"
        mkdir -p "$root/home/new/.cache/pip"
        mount --bind "$pip" "$root/home/new/.cache/pip"
        chroot "$root" chown new:new /home/new/.cache /home/new/.cache/pip
        exec chroot --userspec="$user" "$root" "$@"
    ' inside "$root" "$store/pip" "$@"
}

# add PACKAGE…: into the machine of this run; fails when they cannot be had.
add() {
    inside root:root env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
        sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' sh "$@" >"$store/$suite.log" 2>&1
}

# as_new COMMAND…: what the user without rights types, in the clone.
as_new() {
    inside new:new env -i HOME=/home/new USER=new LANG=C.UTF-8 PATH=/usr/bin:/bin ${settings[@]+"${settings[@]}"} \
        sh -c 'cd /home/new/crashtool && exec "$@" </dev/null' sh "$@"
}

failed='' passed='' with=${packages:+ with $packages}

# try TARGET: tests of real processes can fail on a busy machine, so those that do have one more try.
try() {
    echo "== $suite$with: make $1"
    if as_new make "$1" || { case $1 in test | skipped) echo "== once more, what failed" && as_new make again ;; *) false ;; esac }; then
        passed="$passed $1"
    else
        failed="$failed $1"
    fi
}

if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 (several words)
    add $packages || cannot "Debian's $packages cannot be had: $(tail -n 1 "$store/$suite.log")"
fi
for target in "$@"; do
    try "$target"
done
if [ -n "$more" ]; then
    # shellcheck disable=SC2086 (several words)
    if add $more; then
        with="$with, then with $more"
        try demo
        try skipped
    else
        echo "SKIPPED: Debian's $more cannot be had: $(tail -n 1 "$store/$suite.log")"
        [ -n "$failed" ] || exit 77
    fi
fi
if [ -n "$failed" ]; then
    echo "FAILED on a fresh machine ($suite$with):$failed"
    exit 1
fi
echo "fresh machine ($suite$with):$passed passed"
