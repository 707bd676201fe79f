"""The first site file of a ground, from a few answers: valid, newest version, with comments."""

from dataclasses import dataclass, replace

from host_tools.site.models import FILE_VERSION

SOCKETS = (1, 2, 3, 5, 6, 7)
"""Compartments of the board box-esp32s3: three locks at a GPIO each, the others at its port expander, and as
many as a board holds beside TLS."""
BOXES_MAX = 8
COURTS_MAX = 24
BOX_BOARD = "box-esp32s3"
COURT_BOARD = "field-esp32c3"


@dataclass(frozen=True)
class Answers:
    name: str
    title: str = "Sports ground"
    time_zone: str = "Europe/Berlin"
    boxes: int = 1
    courts: int = 2
    compartments: int = 2
    broker: str = "192.0.2.10"
    tls: bool = True
    port: int | None = None
    ntp: str = "{host: pool.ntp.org}"
    ssid: str = "sportbox"


def answers_of(template: str, name: str) -> Answers:
    """What a template says; KeyError for none."""
    return replace(TEMPLATES[template], name=name)


HERE = "127.0.0.1"
TEMPLATES = {
    "box-and-courts": Answers("", "Sports ground with a box"),
    "courts-only": Answers("", "Courts", boxes=0),
    "workbench": Answers(
        "",
        "Workbench",
        courts=1,
        broker=HERE,
        tls=False,
        port=18830,
        ntp=f"{{host: {HERE}, port: 12300}}",
        ssid="workbench",
    ),
    "laptop": Answers(
        "", "Site on a laptop", broker=HERE, ntp=f"{{host: {HERE}, port: 12300}}", ssid="laptop"
    ),
}


def site_text(answers: Answers) -> str:
    """The site file."""
    lines = [
        f"# The site file of {answers.name}. docs/site-file.md lists every field; with the YAML extension of",
        "# VS Code, after `sportbox site schema > site.schema.json`, the next line completes and checks:",
        "# yaml-language-server: $schema=site.schema.json",
        f"version: {FILE_VERSION}",
        f"site: {quoted(answers.name)} # in topics and tokens: choose it once",
        f"title: {quoted(answers.title)}",
        f"time_zone: {answers.time_zone}",
        "languages: [de, en]",
        "",
        *_broker(answers),
        f"ntp: {answers.ntp}",
        "",
        "# Passwords are in the vault, under the name given here: `sportbox vault set-wifi`.",
        "wifi:",
        f"  main: {{ssid: {quoted(answers.ssid)}, password_secret: wifi-main}}",
        "",
        "devices:",
    ]
    for number in range(1, answers.boxes + 1):
        lines += _box(number, answers)
    for number in range(1, answers.courts + 1):
        lines += _court(number)
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as a YAML scalar on one line."""
    import json

    return json.dumps(text, ensure_ascii=False)


def _broker(answers: Answers) -> list[str]:
    port = "" if answers.port is None else f", port: {answers.port}"
    if answers.tls:
        return [
            "# Where boards find the broker. `tls` is true unless it says otherwise here.",
            f"broker: {{host: {quoted(answers.broker)}{port}}}",
        ]
    return [
        "# On this computer, and open: `sportbox sim network` starts broker and time server.",
        f"broker: {{host: {quoted(answers.broker)}{port}, tls: false}}",
    ]


def _box(number: int, answers: Answers) -> list[str]:
    lines = [f"  box-{number}:", f"    board: {BOX_BOARD}", "    components:"]
    for place, socket in enumerate(SOCKETS[: answers.compartments], 1):
        lines.append(f"      lock-{socket}: {{title: Compartment {place}}}")
        lines.append(f"      door-{socket}: {{title: Door of compartment {place}}}")
    lines.append("      tamper-1: {title: Housing}")
    return lines


def _court(number: int) -> list[str]:
    role = "" if number == 1 else ", role: court-1"
    return [
        f"  court-{number}:",
        f"    board: {COURT_BOARD}",
        "    components:",
        f"      court-{number}: {{title: Court {number}{role}}}",
    ]
