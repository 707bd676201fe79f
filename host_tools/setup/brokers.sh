#!/bin/sh
# Install the brokers that the tests start, where apt is and the user may: Mosquitto with its clients, and RabbitMQ.
# Never fails: without one, the tests that need it are skipped by name (with CI=true they fail).
set -u

has_mosquitto() {
    command -v mosquitto_sub >/dev/null && { command -v mosquitto >/dev/null || test -x /usr/sbin/mosquitto; }
}
has_rabbitmq() {
    test -x /usr/lib/rabbitmq/bin/rabbitmq-server
}
without() {
    has_mosquitto || echo "note: Mosquitto is missing ($1); the tests that need it are skipped" >&2
    has_mosquitto || echo "hint: sudo apt install mosquitto mosquitto-clients" >&2
    has_rabbitmq || echo "note: RabbitMQ is missing ($1); the tests that need it are skipped" >&2
    has_rabbitmq || echo "hint: sudo apt install rabbitmq-server" >&2
    exit 0
}

if has_mosquitto && has_rabbitmq; then
    exit 0
fi
command -v apt-get >/dev/null || without "no apt-get here"
if [ "$(id -u)" = 0 ]; then
    as_root() { "$@"; }
elif sudo -n true 2>/dev/null; then
    as_root() { sudo -n "$@"; }
else
    without "installing it needs root"
fi

# The packages would start brokers of their own, on the ports of MQTT and AMQP; the tests start theirs, on free ones.
policy=/usr/sbin/policy-rc.d
if ! test -e "$policy"; then
    # shellcheck disable=SC2016
    as_root sh -c 'printf "#!/bin/sh\nexit 101\n" > "$1" && chmod 755 "$1"' sh "$policy" &&
        trap 'as_root rm -f "$policy"' EXIT INT TERM
fi

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -q "$@"
}
log=build/apt.log
mkdir -p build
echo "setup: installing Mosquitto and RabbitMQ with apt-get" >&2
{
    apt update
    has_mosquitto || apt install -y --no-install-recommends mosquitto mosquitto-clients
    has_rabbitmq || apt install -y --no-install-recommends rabbitmq-server
} >"$log" 2>&1 </dev/null
has_mosquitto && has_rabbitmq || { tail -n 5 "$log" >&2; without "apt-get failed, see $log"; }
