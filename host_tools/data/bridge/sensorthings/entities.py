"""The entities that stay: a Thing a board, Datastreams, and what they refer to. Each knows its key.

Keys are in `properties`, for names are for people and ids are the service's. ObservedProperties and Sensors
are shared by all sites of a service.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from host_tools.data.bridge.sensorthings.streams import (
    ALL,
    BOARD,
    Stream,
    kind_of,
    streams_of,
)
from host_tools.site.models import Device, Site
from host_tools.site.sections import Position

Body = dict[str, Any]
KEY = "sportbox"
GEOJSON = "application/geo+json"


@dataclass(frozen=True)
class Entity:
    """`links`: keys of entities that it needs, by navigation property; a list where there can be several."""

    set: str  # the entity set's name
    key: str
    body: Body
    links: dict[str, str | list[str]] = field(default_factory=dict)


def place_key(site: str) -> str:
    return f"{site}/place"


def thing_key(site: str, device: str) -> str:
    return f"{site}/{device}"


def feature_key(site: str, device: str, component: str) -> str:
    return f"{site}/{device}/{component}/place"


def stream_key(site: str, device: str, component: str, stream: Stream) -> str:
    return f"{site}/{device}/{component}/{stream.name}"


def entities(site: Site, position: Position) -> Iterator[Entity]:
    """All of a site, those that others need first."""
    point = {"type": "Point", "coordinates": [position.longitude, position.latitude]}
    title = site.title or site.site
    yield Entity(
        "Locations",
        place_key(site.site),
        {"name": title, "description": f"sports ground {title}", "encodingType": GEOJSON, "location": point},
    )
    for stream in ALL:
        body = {"name": stream.name, "description": stream.text, "definition": stream.definition}
        yield Entity("ObservedProperties", f"property/{stream.name}", body)
    for board, kind in sorted(set(_sensors(site))):
        yield _sensor(board, kind)
    for name, device in site.devices.items():
        yield from _of_board(site, name, device, point)


def _sensors(site: Site) -> Iterator[tuple[str, str]]:
    for device in site.devices.values():
        yield device.board, BOARD
        for component in filter(streams_of, device.components):
            yield device.board, kind_of(component)


def _sensor_key(board: str, kind: str) -> str:
    return f"sensor/{board}/{kind}"


def _sensor(board: str, kind: str) -> Entity:
    what = "the board itself" if kind == BOARD else f"sensors of a {kind}"
    body = {
        "name": f"{board} {kind}",
        "description": f"{what}, board {board}",
        "encodingType": "text/html",
        "metadata": f"<p>{what}, at a board {board} of sportbox</p>",
    }
    return Entity("Sensors", _sensor_key(board, kind), body)


def _of_board(site: Site, name: str, device: Device, point: Body) -> Iterator[Entity]:
    title = device.title or name
    key = thing_key(site.site, name)
    about = {"site": site.site, "device": name, "board": device.board}
    yield Entity(
        "Things",
        key,
        {
            "name": f"{site.site}/{name}",
            "description": f"{title}, {site.title or site.site}",
            "properties": about,
        },
        {"Locations": [place_key(site.site)]},
    )
    titles = {BOARD: title}
    titles |= {component: settings.title or component for component, settings in device.components.items()}
    for component, called in titles.items():
        if not streams_of(component):
            continue
        feature = feature_key(site.site, name, component)
        body = {
            "name": f"{site.site}/{name}/{component}",
            "description": called,
            "encodingType": GEOJSON,
            "feature": point,
        }
        yield Entity("FeaturesOfInterest", feature, body)
        kind = component if component == BOARD else kind_of(component)
        for stream in streams_of(component):
            yield _datastream(site.site, name, component, called, stream, _sensor_key(device.board, kind))


def _datastream(site: str, device: str, component: str, called: str, stream: Stream, sensor: str) -> Entity:
    name, symbol = stream.unit or (None, None)
    unit = {"name": name, "symbol": symbol, "definition": None if symbol is None else f"ucum:{symbol}"}
    body = {
        "name": f"{site}/{device}/{component}/{stream.name}",
        "description": f"{called}: {stream.text}",
        "observationType": stream.type,
        "unitOfMeasurement": unit,
        "properties": {"site": site, "device": device, "component": component},
    }
    links: dict[str, str | list[str]] = {
        "Thing": thing_key(site, device),
        "Sensor": sensor,
        "ObservedProperty": f"property/{stream.name}",
    }
    return Entity("Datastreams", stream_key(site, device, component, stream), body, links)
