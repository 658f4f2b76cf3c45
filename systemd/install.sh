#!/usr/bin/env bash
# Install or upgrade the agent (or, with --cloud, the service) on this machine. May be run any number of times.
#
#   sudo systemd/install.sh [--cloud] [--dry-run] [--no-boot-config] [--no-hardware-watchdog]
#
# Each version gets a virtual environment of its own below /opt/lumengrid; the link `edge` or `cloud` points at the
# one in use and changes last, so a failed install leaves the running one as it was.
set -euo pipefail
umask 022

readonly PREFIX=/opt/lumengrid
readonly CONFIG_DIR=/etc/lumengrid
readonly BOOT_CONFIG=${LUMENGRID_BOOT_CONFIG:-/boot/firmware/config.txt}
readonly PAGE_URL=${LUMENGRID_PAGE_URL:-http://127.0.0.1:8090}
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly SOURCE

program=edge
dry_run=false
boot_config=true
hardware_watchdog=true

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

say() { printf '%s\n' "$*"; }

refuse() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

# Do it, or with --dry-run only say it.
run() {
    if $dry_run; then
        printf '+'
        printf ' %q' "$@"
        printf '\n'
    else
        "$@"
    fi
}

# write FILE MODE OWNER, content on standard input; nothing is done where the file is already so.
write() {
    local file=$1 mode=$2 owner=$3 content
    content=$(cat)
    if [ -f "$file" ] && [ "$(cat "$file")" = "$content" ]; then
        return
    fi
    if $dry_run; then
        say "+ write $file ($mode $owner)"
        return
    fi
    install -D -m "$mode" -o "${owner%:*}" -g "${owner#*:}" /dev/null "$file"
    printf '%s\n' "$content" >"$file"
}

read_arguments() {
    for argument in "$@"; do
        case $argument in
            --cloud) program=cloud ;;
            --dry-run) dry_run=true ;;
            --no-boot-config) boot_config=false ;;
            --no-hardware-watchdog) hardware_watchdog=false ;;
            -h | --help)
                usage
                exit 0
                ;;
            *)
                usage >&2
                refuse "unknown option $argument"
                ;;
        esac
    done
}

check_machine() {
    if ! $dry_run && [ "$(id -u)" -ne 0 ]; then
        refuse "run it with sudo"
    fi
    [ "$(getconf LONG_BIT)" = 64 ] ||
        refuse "this is a 32-bit system: install the 64-bit Raspberry Pi OS (libraries are missing for 32 bit)"
    command -v python3 >/dev/null || refuse "python3 is missing: sudo apt install python3 python3-venv"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        refuse "Python 3.11 or later is needed: install Raspberry Pi OS 12 (bookworm) or later"
    if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
        run apt-get install -y --no-install-recommends python3-venv
    fi
}

# The states: off (nobody answers and no unit runs), open, closed (with the nodes), unknown.
relays() {
    local answer
    if answer=$(python3 - "$PAGE_URL/state.json" 2>/dev/null <<'PYTHON'
import json, sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
nodes = json.load(opener.open(sys.argv[1], timeout=3))["nodes"]
closed = [node["uid"] for node in nodes if node["relay"] != "idle"]
print("closed " + " ".join(closed) if closed else "open")
PYTHON
    ); then
        say "$answer"
    elif systemctl is-active --quiet lumengrid-edge.service 2>/dev/null; then
        say unknown
    else
        say off
    fi
}

refuse_while_switched() {
    local state
    state=$(relays)
    case $state in
        off | open) say "relays: $state" ;;
        closed*)
            refuse "energy flows (${state#closed }): an upgrade would cut it off. Stop the transfers on the page" \
                "or with \`sudo systemctl stop lumengrid-edge\`, then run this again"
            ;;
        *)
            refuse "lumengrid-edge runs but $PAGE_URL does not say where its relays are: stop it with" \
                "\`sudo systemctl stop lumengrid-edge\`, or set LUMENGRID_PAGE_URL"
            ;;
    esac
}

make_user() {
    local user=$1 home=$2
    shift 2
    for group in "$@"; do
        getent group "$group" >/dev/null || run groupadd --system "$group"
    done
    if ! getent passwd "$user" >/dev/null; then
        run useradd --system --user-group --home-dir "$home" --no-create-home --shell /usr/sbin/nologin "$user"
    fi
    for group in "$@"; do
        id -nG "$user" 2>/dev/null | tr ' ' '\n' | grep -qx "$group" || run usermod -aG "$group" "$user"
    done
    run install -d -m 0700 -o "$user" -g "$user" "$home"
    run install -d -m 0755 -o root -g root "$PREFIX"
}

# The name of the environment: two trees that differ in anything that is installed have two names.
version_name() {
    local requirements=$1
    (
        cd "$SOURCE"
        find edge cloud shared hardware lumengrid pyproject.toml "$requirements" -type f \
            ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -c1-12
    )
}

install_packages() {
    local requirements=requirements/edge.txt name target
    if [ $program = cloud ]; then
        # The one list that pins the service's libraries.
        requirements=requirements/cloud.txt
    fi
    name=$(version_name "$requirements")
    target=$PREFIX/$program-$name
    if [ -f "$target/.complete" ]; then
        say "packages: $target is there"
    else
        run rm -rf "$target"
        run python3 -m venv "$target"
        run "$target/bin/python" -m pip install --quiet --disable-pip-version-check \
            --require-hashes -r "$SOURCE/$requirements" -r "$SOURCE/requirements/build.txt"
        run "$target/bin/python" -m pip install --quiet --disable-pip-version-check \
            --no-deps --no-build-isolation "$SOURCE"
        run cp -r "$SOURCE/docs/operator" "$target/docs"
        run touch "$target/.complete"
    fi
    run ln -sfn "$target" "$PREFIX/$program"
    run ln -sfn "$PREFIX/$program/bin/lumengrid" /usr/local/bin/lumengrid
}

set_up_pins() {
    write /etc/modules-load.d/lumengrid.conf 0644 root:root <<'TEXT'
i2c-dev
TEXT
    # Raspberry Pi OS has these rules; other distributions do not.
    write /etc/udev/rules.d/60-lumengrid.rules 0644 root:root <<'TEXT'
SUBSYSTEM=="i2c-dev", GROUP="i2c", MODE="0660"
SUBSYSTEM=="gpio", KERNEL=="gpiochip*", GROUP="gpio", MODE="0660"
TEXT
    if $boot_config && [ -f "$BOOT_CONFIG" ]; then
        add_boot_line dtparam=i2c_arm=on
        # Without it a pin keeps its level after its program was killed.
        add_boot_line dtparam=strict_gpiod
    fi
    if $hardware_watchdog; then
        write /etc/systemd/system.conf.d/lumengrid.conf 0644 root:root <<'TEXT'
[Manager]
RuntimeWatchdogSec=10
TEXT
    fi
}

add_boot_line() {
    if grep -qx "$1" "$BOOT_CONFIG"; then
        return
    fi
    say "adding $1 to $BOOT_CONFIG: reboot for it to count"
    if ! $dry_run; then
        printf '\n[all]\n%s\n' "$1" >>"$BOOT_CONFIG"
    fi
}

install_edge() {
    refuse_while_switched
    make_user lumengrid /var/lib/lumengrid-edge i2c gpio
    run install -d -m 0750 -o lumengrid -g lumengrid "$CONFIG_DIR"
    set_up_pins
    install_packages
    run install -m 0644 "$SOURCE/systemd/lumengrid-edge.service" /etc/systemd/system/lumengrid-edge.service
    run systemctl daemon-reload
    run systemctl enable --quiet lumengrid-edge.service
    if [ -f "$CONFIG_DIR/edge.toml" ]; then
        # Building took a while: a relay may have closed meanwhile.
        refuse_while_switched
        run systemctl restart lumengrid-edge.service
        say "running; \`lumengrid edge status\` shows the nodes"
    else
        say "next: sudo -u lumengrid lumengrid edge init --cloud https://HOST --code CODE"
        say "then: check $CONFIG_DIR/board.toml, sudo systemctl start lumengrid-edge, lumengrid edge doctor"
    fi
}

install_cloud() {
    make_user lumengrid-cloud /var/lib/lumengrid-cloud
    # Where the agent lives on the same machine the folder is its own; systemd reads cloud.env as root.
    [ -d "$CONFIG_DIR" ] || run install -d -m 0750 -o root -g root "$CONFIG_DIR"
    install_packages
    run install -m 0644 "$SOURCE/systemd/lumengrid-cloud.service" /etc/systemd/system/lumengrid-cloud.service
    run systemctl daemon-reload
    run systemctl enable --quiet lumengrid-cloud.service
    run systemctl restart lumengrid-cloud.service
    say "running; settings are variables in $CONFIG_DIR/cloud.env (mode 0600), docs/settings.md lists them"
}

read_arguments "$@"
check_machine
"install_$program"
