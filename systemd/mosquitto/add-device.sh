#!/usr/bin/env bash
# Give a device its password at Mosquitto: the one that the service derives and hands out at enrolment.
#
#   sudo systemd/mosquitto/add-device.sh DEVICE_ID
#
# The secret is LUMENGRID_MQTT_DEVICE_SECRET of the service, from the environment or /etc/lumengrid/cloud.env.
set -euo pipefail

readonly PASSWORD_FILE=${PASSWORD_FILE:-/etc/mosquitto/lumengrid.passwd}
readonly CLOUD_ENV=${CLOUD_ENV:-/etc/lumengrid/cloud.env}

device=${1:-}
if ! [[ $device =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]]; then
    printf 'add-device.sh: give one device id: 1 to 64 letters, digits, dots, dashes, underscores\n' >&2
    exit 1
fi
case $device in
    cloud | reader | home)
        printf 'add-device.sh: %s is a name of its own at the broker\n' "$device" >&2
        exit 1
        ;;
esac
if [ -z "${LUMENGRID_MQTT_DEVICE_SECRET:-}" ] && [ -r "$CLOUD_ENV" ]; then
    LUMENGRID_MQTT_DEVICE_SECRET=$(sed -n 's/^LUMENGRID_MQTT_DEVICE_SECRET=//p' "$CLOUD_ENV" | tail -n 1)
fi
if [ -z "${LUMENGRID_MQTT_DEVICE_SECRET:-}" ]; then
    printf 'add-device.sh: no LUMENGRID_MQTT_DEVICE_SECRET in the environment or in %s\n' "$CLOUD_ENV" >&2
    exit 1
fi
export LUMENGRID_MQTT_DEVICE_SECRET

# HMAC-SHA256 of "device:<id>", hex; through a file, so that it never stands in the list of processes.
line=$(mktemp)
trap 'rm -f "$line"' EXIT
python3 - "$device" >"$line" <<'PYTHON'
import hmac, os, sys
secret = os.environ["LUMENGRID_MQTT_DEVICE_SECRET"].encode()
print(sys.argv[1] + ":" + hmac.new(secret, f"device:{sys.argv[1]}".encode(), "sha256").hexdigest())
PYTHON
mosquitto_passwd -U "$line"
touch "$PASSWORD_FILE"
chmod 0600 "$PASSWORD_FILE"
kept=$(awk -F: -v name="$device" '$1 != name' "$PASSWORD_FILE")
{
    [ -z "$kept" ] || printf '%s\n' "$kept"
    cat "$line"
} >"$PASSWORD_FILE.new"
chmod 0600 "$PASSWORD_FILE.new"
chown --reference="$PASSWORD_FILE" "$PASSWORD_FILE.new"
mv "$PASSWORD_FILE.new" "$PASSWORD_FILE"
printf '%s may sign in once the broker has read it: sudo systemctl reload mosquitto\n' "$device"
