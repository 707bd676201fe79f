"""An AsyncAPI 3.0.0 document of the topics, of all sites or of one.

The application that it describes is a board: it sends states and events and receives orders. Schemas are
written in what JSON Schema draft-07, which AsyncAPI tools must read, and 2020-12 have in common.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from host_tools.data.fields import NAME, schema_of
from host_tools.data.schemas import CLAIMS
from host_tools.data.topics import TOPICS, VERSION, Message, Topic

if TYPE_CHECKING:
    from host_tools.site.models import Site

SUMMARY = (
    "What the boards of a public sports ground tell over MQTT 3.1.1, and the orders that they take. "
    "`docs/PROTOCOL.md` says in words what this document says in schemas."
)
BINDING = "0.2.0"  # of the MQTT binding


def document(site: "Site | None" = None) -> dict[str, Any]:
    """For `site` with its broker, and with the names of its devices and components; else for any site."""
    numbers = _numbers(site)
    topics = [topic for topic in TOPICS if site is None or "{n}" not in topic.rest or numbers.get(topic.name)]
    messages = [message for topic in topics for message in topic.messages]
    info: dict[str, Any] = {"title": "sportbox", "version": VERSION, "description": SUMMARY}
    if site is not None:
        info["title"] = f"sportbox: {site.title or site.site}"
    found: dict[str, Any] = {"asyncapi": "3.0.0", "info": info, "defaultContentType": "application/json"}
    if site is not None:
        found["servers"] = _servers(site)
    found["channels"] = {topic.name: _channel(topic, site, numbers) for topic in topics}
    found["operations"] = dict(_operation(topic) for topic in topics)
    found["components"] = {
        "messages": {message.name: _message(message) for message in messages},
        "schemas": {message.name: schema_of(message.model) for message in [*messages, CLAIMS]},
    }
    if site is not None and site.broker.tls:
        found["components"]["securitySchemes"] = _security()
    return found


def _channel(topic: Topic, site: "Site | None", numbers: Mapping[str, list[str]]) -> dict[str, Any]:
    return {
        "address": topic.address,
        "title": topic.name,
        "summary": topic.summary,
        "messages": {
            message.name: {"$ref": f"#/components/messages/{message.name}"} for message in topic.messages
        },
        "parameters": _parameters(topic, site, numbers),
    }


def _parameters(topic: Topic, site: "Site | None", numbers: Mapping[str, list[str]]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        "site": {"description": f"name of the site: {NAME}"},
        "device": {"description": f"name of the board: {NAME}"},
    }
    if "{n}" in topic.rest:
        found["n"] = {"description": "number of the component, 1 to 99"}
    if site is not None:
        found["site"]["enum"] = [site.site]
        found["device"]["enum"] = sorted(site.devices)
        if "{n}" in topic.rest:
            found["n"]["enum"] = numbers[topic.name]
    return found


def _numbers(site: "Site | None") -> dict[str, list[str]]:
    """The numbers of a site's components, by the topic of their states."""
    found: dict[str, set[int]] = {}
    if site is not None:
        for device in site.devices.values():
            for name in device.components:
                kind, _, number = name.rpartition("-")
                found.setdefault(f"state-{kind}", set()).add(int(number))
    return {kind: [str(number) for number in sorted(those)] for kind, those in found.items()}


def _operation(topic: Topic) -> tuple[str, dict[str, Any]]:
    action = "send" if topic.sent else "receive"
    binding: dict[str, Any] = {"qos": topic.qos, "retain": topic.retained, "bindingVersion": BINDING}
    return f"{action}-{topic.name}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.summary,
        "messages": [
            {"$ref": f"#/channels/{topic.name}/messages/{message.name}"} for message in topic.messages
        ],
        "bindings": {"mqtt": binding},
    }


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": message.name,
        "contentType": message.content_type,
        "payload": {"$ref": f"#/components/schemas/{message.name}"},
    }
    words = (message.model.__doc__ or "").strip()
    return {**found, "summary": " ".join(words.split())} if words else found


def _servers(site: "Site") -> dict[str, Any]:
    broker = site.broker
    where = {"protocolVersion": "3.1.1"}
    if not broker.tls:
        host = f"{broker.host}:{broker.boards_port}"
        return {"broker": {"host": host, "protocol": "mqtt", **where, "description": "boards and services"}}
    return {
        "boards": {
            "host": f"{broker.host}:{broker.boards_port}",
            "protocol": "secure-mqtt",
            **where,
            "description": "boards, each with a certificate of the site's CA",
            "security": [{"$ref": "#/components/securitySchemes/certificate"}],
        },
        "services": {
            "host": f"{broker.host}:{broker.services_port}",
            "protocol": "secure-mqtt",
            **where,
            "description": "booking, dashboards and tools; the server's certificate is of the site's CA",
            "security": [{"$ref": "#/components/securitySchemes/login"}],
        },
    }


def _security() -> dict[str, Any]:
    return {
        "certificate": {"type": "X509", "description": "a board's certificate of the site's CA"},
        "login": {"type": "userPassword", "description": "a service's name and password, from the vault"},
    }
