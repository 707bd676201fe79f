"""The files of a node of a centre that is a RabbitMQ 3.10, as Debian 12 has it: its plugin speaks MQTT.

Options are those of rabbitmq.com/docs/3.13/configure and /mqtt. A bridge logs in with its certificate, whose
name is the site's and the user's; a service with a password. Both may use either port, for TLS is set for all
of a node at once. What a RabbitMQ cannot do, and what is done about it, is in docs/centre.md.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cryptography import x509

from host_tools.brokers.mosquitto import (
    AUTHORITIES,
    CERTIFICATE,
    KEY,
    PRIVATE,
    SESSION_DAYS,
    File,
    is_loopback,
)
from host_tools.centre.certificates import node_certificate, revocation_list
from host_tools.centre.keyfile import Keys
from host_tools.centre.members import ca_pem
from host_tools.centre.model import Centre
from host_tools.centre.topics import RECORDER, SITE_READS, SITE_WRITES, USERS, below
from host_tools.mqtt import ROOT
from host_tools.site.ca import key_pem

CONF = "rabbitmq.conf"
ADVANCED = "advanced.config"
ENVIRONMENT = "rabbitmq-env.conf"
PLUGINS = "enabled_plugins"
DEFINITIONS = "definitions.json"
COOKIE = "erlang.cookie"
LIST_SUFFIX = ".r0"

EXCHANGE = "amq.topic"
VHOST = "/"
NOTHING = "^$"
HASHING = "rabbit_password_hashing_sha256"
SALT_BYTES = 4
QUEUED_MESSAGES_MAX = 1_000_000
"""Of one service that is away; past this its oldest go."""
DISK_FREE_MIN = "1GB"
"""With less than this a node takes no message, and acknowledges none."""


def files(centre: Centre, keys: Keys, host: str, at: Path, before: Mapping[str, bytes]) -> dict[str, File]:
    """All files by name. What is good in those of `before` stays: made again, nothing changes."""
    listed = _list_name(keys.authority.certificate.subject)
    return {
        COOKIE: File(keys.cookie.encode(), PRIVATE),
        AUTHORITIES: File(ca_pem(keys)),
        listed: File(revocation_list(keys, before.get(listed))),
        CERTIFICATE: File(node_certificate(keys, host, before.get(CERTIFICATE))),
        KEY: File(key_pem(keys.node_keys(host)[host]), PRIVATE),
        DEFINITIONS: File(definitions(keys), PRIVATE),
        PLUGINS: File(b"[rabbitmq_mqtt].\n"),
        ADVANCED: File(advanced(at).encode()),
        ENVIRONMENT: File(environment(centre, host, at).encode()),
        CONF: File(configuration(centre, host, at).encode()),
    }


def node_name(centre: Centre, host: str) -> str:
    """As Erlang has it. Each has its own number, so that several can try it out on one computer."""
    return f"sportbox-{centre.hosts.index(host) + 1}@{host}"


def cluster_port(centre: Centre, host: str) -> int:
    """On one computer each node needs a port of its own for the others, whatever its address."""
    return centre.cluster_port + (centre.hosts.index(host) if is_loopback(host) else 0)


def configuration(centre: Centre, host: str, at: Path) -> str:
    bind = f"{host}:" if is_loopback(host) else ""
    nodes = [
        f"cluster_formation.classic_config.nodes.{number} = {node_name(centre, one)}"
        for number, one in enumerate(centre.hosts, 1)
    ]
    lines = [
        f"# Written by `sportbox centre config` for `{centre.centre}`: what is changed here is overwritten.",
        "# Users and their rights. What is not in there any more must be deleted by hand.",
        f"load_definitions = {at / DEFINITIONS}",
        "",
        "# Without a majority a node stops: better out of reach than two halves that differ.",
        "cluster_formation.peer_discovery_backend = classic_config",
        *nodes,
        "cluster_partition_handling = pause_minority",
        f"disk_free_limit.absolute = {DISK_FREE_MIN}",
        "",
        "# TLS is in advanced.config. Nothing but MQTT is spoken.",
        "listeners.tcp = none",
        "ssl_cert_login_from = common_name",
        "mqtt.listeners.tcp = none",
        f"mqtt.listeners.ssl.1 = {bind}{centre.port}",
        f"mqtt.listeners.ssl.2 = {bind}{centre.services_port}",
        "mqtt.ssl_cert_login = true",
        "mqtt.allow_anonymous = false",
        f"mqtt.vhost = {VHOST}",
        f"mqtt.exchange = {EXCHANGE}",
        "",
        "# Sessions live on every node, and through the loss of one.",
        "mqtt.durable_queue_type = quorum",
        f"mqtt.subscription_ttl = {SESSION_DAYS * 86_400_000}",
    ]
    return "\n".join(lines) + "\n"


def advanced(at: Path) -> str:
    """What rabbitmq.conf has no words for: the list of void certificates, read at each handshake."""
    return f"""\
%% Written by `sportbox centre config`: what is changed here is overwritten.
[{{rabbit, [{{ssl_options, [
    {{cacertfile, {_erlang(at / AUTHORITIES)}}},
    {{certfile, {_erlang(at / CERTIFICATE)}}},
    {{keyfile, {_erlang(at / KEY)}}},
    {{versions, ['tlsv1.3', 'tlsv1.2']}},
    {{verify, verify_peer}},
    {{fail_if_no_peer_cert, false}}, %% services have a password instead
    {{crl_check, true}},
    {{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, {_erlang(at)}}}]}}}}}}
]}}]}}].
"""


def _erlang(path: Path) -> str:
    """A text in Erlang's quotes."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def environment(centre: Centre, host: str, at: Path) -> str:
    """Read by a shell when the node starts: /etc/rabbitmq/rabbitmq-env.conf on Debian."""
    lines = [
        f"# Written by `sportbox centre config` for the node on {host}.",
        f"NODENAME={node_name(centre, host)}",
        "USE_LONGNAME=true",
        f"DIST_PORT={cluster_port(centre, host)}",
        f"CONFIG_FILE={_shell(at / CONF)}",
        f"ADVANCED_CONFIG_FILE={_shell(at / ADVANCED)}",
        f"ENABLED_PLUGINS_FILE={_shell(at / PLUGINS)}",
    ]
    if is_loopback(host):
        address = "{" + host.replace(".", ",") + "}"
        lines.append(f'SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {address}"')
    return "\n".join(lines) + "\n"


def _shell(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


def definitions(keys: Keys) -> bytes:
    """Users, rights, limits. A site that has left keeps its user, without rights: an import deletes none."""
    users, permissions, topics = [], [], []
    words = keys.passwords(*USERS)
    for user, (writes, reads) in USERS.items():
        users.append(_user(user, _hashed(words[user])))
        permissions.append(_permission(user, _client_ids(user, keys)))
        read = [f"{ROOT}/#"] if "#" in reads else below("+", reads)
        topics.append(_topics(user, below("+", writes), read))
    for site in keys.members:
        users.append(_user(site, ""))
        permissions.append(_permission(site, site))
        topics.append(_topics(site, below(site, SITE_WRITES), below(site, SITE_READS)))
    for site in sorted(set(keys.contents.left)):
        users.append(_user(site, ""))
        permissions.append(_permission(site, None))
        topics.append(_topics(site, [], []))
    limit = {
        "vhost": VHOST,
        "name": "sessions",
        "pattern": "^mqtt-subscription-",
        "apply-to": "queues",
        "definition": {"max-length": QUEUED_MESSAGES_MAX, "overflow": "drop-head"},
        "priority": 0,
    }
    found = {
        "vhosts": [{"name": VHOST}],
        "users": users,
        "permissions": permissions,
        "topic_permissions": topics,
        "policies": [limit],
    }
    return json.dumps(found, indent=1).encode() + b"\n"


def _client_ids(user: str, keys: Keys) -> str:
    """As a regular expression. The recorder clears away what waits for sites that have left (out.py)."""
    left = sorted(set(keys.contents.left)) if user == RECORDER else []
    return "(" + "|".join([rf"{user}(\..*)?", *left]) + ")"


def _user(name: str, password_hash: str) -> dict[str, Any]:
    """Without a hash, no password is right."""
    return {"name": name, "password_hash": password_hash, "hashing_algorithm": HASHING, "tags": []}


def _hashed(password: str) -> str:
    """Salt and SHA-256, in base64. The password is random, so its salt may come of itself, and stays."""
    salt = hashlib.sha256(b"salt of " + password.encode()).digest()[:SALT_BYTES]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _permission(user: str, client_id: str | None) -> dict[str, str]:
    """A client's queue has its client id in its name; so nobody reads what waits for another."""
    queue = rf"mqtt-subscription-{client_id}qos[01]"
    use = NOTHING if client_id is None else rf"^({re.escape(EXCHANGE)}|{queue})$"
    own = NOTHING if client_id is None else f"^{queue}$"
    return {"user": user, "vhost": VHOST, "configure": own, "write": use, "read": use}


def _topics(user: str, writes: Iterable[str], reads: Iterable[str]) -> dict[str, str]:
    may = {"write": pattern_of(writes), "read": pattern_of(reads)}
    return {"user": user, "vhost": VHOST, "exchange": EXCHANGE, **may}


def pattern_of(filters: Iterable[str]) -> str:
    """MQTT filters as one regular expression for routing keys, where `.` parts the levels."""
    found = "|".join(_key_pattern(one) for one in filters)
    return f"^({found})$" if found else NOTHING


def _key_pattern(filter_: str) -> str:
    """`+` is any one level, also an empty one: what a bridge's own filter lets out must not be refused here,
    for RabbitMQ ends the connection of who sends what it may not, and the bridge would try for ever."""
    words = {"+": "[^.#]*", "#": ".*"}
    return r"\.".join(words.get(level, re.escape(level)) for level in filter_.split("/"))


def _list_name(issuer: x509.Name) -> str:
    """Under this name OpenSSL's directories, and so Erlang's, have the list of a CA: SHA-1 of the name in its
    canonical form, the first four bytes (X509_NAME_hash(3))."""
    parts = b"".join(
        _der(0x31, _der(0x30, _object_id(one.oid.dotted_string) + _der(0x0C, _canonical(str(one.value)))))
        for rdn in issuer.rdns
        for one in rdn
    )
    number = int.from_bytes(hashlib.sha1(parts, usedforsecurity=False).digest()[:4], "little")
    return f"{number:08x}{LIST_SUFFIX}"


def _canonical(text: str) -> bytes:
    return " ".join(text.split()).lower().encode()


def _der(tag: int, content: bytes) -> bytes:
    """Names here are short: one byte of length does."""
    if len(content) > 127:
        raise ValueError("the name of the CA is too long")
    return bytes([tag, len(content)]) + content


def _object_id(dotted: str) -> bytes:
    """2.5.4.x: of attributes of names."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    return _der(0x06, bytes([first * 40 + second, *rest]))
