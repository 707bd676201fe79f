#!/bin/sh
# Install Mosquitto and its clients for the tests, where apt is and the user may. Never fails: without it the
# tests that need it are skipped by name (with CI=true they fail).
set -u

if command -v mosquitto_sub >/dev/null && { command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto; }; then
    exit 0
fi

without() {
    echo "note: Mosquitto is missing ($1); the tests that need it are skipped" >&2
    echo "hint: sudo apt install mosquitto mosquitto-clients" >&2
    exit 0
}

command -v apt-get >/dev/null || without "no apt-get here"
if [ "$(id -u)" = 0 ]; then
    as_root() { "$@"; }
elif sudo -n true 2>/dev/null; then
    as_root() { sudo -n "$@"; }
else
    without "installing it needs root"
fi

# The package would start a broker of its own on port 1883; the tests start theirs, on free ports.
policy=/usr/sbin/policy-rc.d
if ! test -e "$policy"; then
    # shellcheck disable=SC2016
    as_root sh -c 'printf "#!/bin/sh\nexit 101\n" > "$1" && chmod 755 "$1"' sh "$policy" &&
        trap 'as_root rm -f "$policy"' EXIT INT TERM
fi

echo "setup: installing Mosquitto with apt-get" >&2
log=build/apt.log
mkdir -p build
{
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -q update &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -q install -y \
            --no-install-recommends mosquitto mosquitto-clients
} >"$log" 2>&1 </dev/null || { tail -n 5 "$log" >&2; without "apt-get failed, see $log"; }
