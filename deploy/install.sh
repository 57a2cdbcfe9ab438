#!/bin/sh
# Installs or upgrades Streetwarden on Debian 12 and newer, or Ubuntu 24.04 and newer, from the checkout that this script lies in.
#   install.sh [--role events|worker|both] [--prefix DIR] [--runtime cpu|gpu|openvino] [--no-units]
#   install.sh uninstall [--prefix DIR]       takes program and units away; settings and data stay
# Puts the program into PREFIX (/opt/streetwarden), settings into /etc/streetwarden, data into /var/lib/streetwarden. Starts nothing.
# An upgrade is the same call again: a running event system is stopped, backed up, and started anew.
set -eu

prefix=/opt/streetwarden role=both runtime=cpu units=yes action=install
settings=/etc/streetwarden data=/var/lib/streetwarden account=streetwarden
source=$(cd "$(dirname "$0")/.." && pwd)

say() { printf 'streetwarden: %s\n' "$*" >&2; }
fail() { say "$*"; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        uninstall) action=uninstall ;;
        --role) role=${2-}; shift ;;
        --prefix) prefix=${2-}; shift ;;
        --runtime) runtime=${2-}; shift ;;
        --no-units) units=no ;;
        *) fail "$1: unknown; allowed are uninstall, --role, --prefix, --runtime, --no-units" ;;
    esac
    shift
done
case $role in events | worker | both) ;; *) fail "--role $role: allowed are events, worker, both" ;; esac
case $runtime in cpu | gpu | openvino) ;; *) fail "--runtime $runtime: allowed are cpu, gpu, openvino" ;; esac
case $prefix in /?*) ;; *) fail "--prefix $prefix: allowed is an absolute folder" ;; esac
case $prefix in / | /etc | /usr | /var | /home | /root | "$settings" | "$data") fail "--prefix $prefix: is not a folder of our own" ;; esac
[ "$(id -u)" = 0 ] || fail "has to run as root"

has_systemd() { [ "$units" = yes ] && [ -d /run/systemd/system ]; }
units_of() { # the units of a role
    case $1 in events | both) echo streetwarden-events.service streetwarden-backup.service streetwarden-backup.timer \
        streetwarden-retention.service streetwarden-retention.timer ;; esac
    case $1 in worker | both) echo streetwarden-worker@.service ;; esac
}

if [ "$action" = uninstall ]; then
    if has_systemd; then
        for unit in $(units_of both); do
            case $unit in *@.service) systemctl stop 'streetwarden-worker@*.service' ;; *) systemctl disable --now "$unit" || : ;; esac
        done
    fi
    for unit in $(units_of both); do rm -f "/etc/systemd/system/$unit"; done
    if has_systemd; then systemctl daemon-reload; fi
    # Only what an installation has written is taken away.
    [ ! -f "$prefix/.installed" ] || rm -rf "$prefix"
    rm -f /usr/local/bin/streetwarden
    say "taken away; $settings and $data are kept"
    exit 0
fi

[ -f "$source/locks/base.txt" ] || fail "$source is no checkout of Streetwarden"
if [ -d "$prefix" ] && [ ! -f "$prefix/.installed" ] && [ -n "$(ls -A "$prefix")" ]; then
    fail "--prefix $prefix: holds something else"
fi

missing=
python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || missing="python3 python3-venv"
[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
if [ -n "$missing" ]; then
    say "installing from the system: $missing"
    apt-get update -qq >/dev/null
    # shellcheck disable=SC2086 - several words
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "needs Python 3.11 or newer"
fi

getent passwd "$account" >/dev/null || useradd --system --home-dir "$data" --shell /usr/sbin/nologin "$account"
install -d -m 0755 "$prefix" "$settings"
install -d -m 0750 -o "$account" -g "$account" "$data"

was_running=no
if has_systemd && systemctl is-active --quiet streetwarden-events.service; then
    was_running=yes
    say "backing up before the upgrade"
    systemctl start streetwarden-backup.service
    systemctl stop streetwarden-events.service
fi

say "copying the program to $prefix"
for room in streams models detector api evaluation; do rm -rf "${prefix:?}/$room"; done
(cd "$source" && tar -cf - --exclude __pycache__ streams models detector api evaluation locks docs deploy \
    streetwarden.py pyproject.toml run README.md CHANGELOG.md LICENSE) | tar -xf - -C "$prefix" --no-same-owner
touch "$prefix/.installed"
STREETWARDEN_RUNTIME=$runtime "$prefix/run" setup
cat >/usr/local/bin/streetwarden <<COMMAND
#!/bin/sh
exec $prefix/.venv/bin/python -m streetwarden "\$@"
COMMAND
chmod 0755 /usr/local/bin/streetwarden

for file in events.env worker.env; do
    [ -e "$settings/$file" ] || install -m 0640 -g "$account" "$source/deploy/$file" "$settings/$file"
done
if [ "$units" = yes ]; then
    install -d /etc/systemd/system
    for unit in $(units_of "$role"); do
        sed "s|/opt/streetwarden|$prefix|g" "$source/deploy/systemd/$unit" >"/etc/systemd/system/$unit"
    done
fi
if has_systemd; then
    systemctl daemon-reload
    if [ "$was_running" = yes ]; then systemctl start streetwarden-events.service; fi
fi
say "installed; docs/operating.md in $prefix says how to go on"
