"""The outputs that a site file asks for, made ready: addresses, secrets from the vault, what boards have."""

from collections.abc import Callable

from host_tools.data.bridge.http import Credentials, Http
from host_tools.data.bridge.ngsi.entities import Entities
from host_tools.data.bridge.ngsi.output import NAME as NGSI_LD
from host_tools.data.bridge.ngsi.output import NgsiLd
from host_tools.data.bridge.pump import Output
from host_tools.data.bridge.sensorthings.output import NAME as SENSORTHINGS
from host_tools.data.bridge.sensorthings.output import SensorThings
from host_tools.errors import BadInput
from host_tools.site.boards import load_board
from host_tools.site.models import Site

Connect = Callable[[str, Credentials, dict[str, str]], Http]


def names(site: Site) -> list[str]:
    """BadInput if there is nothing to do, or something is missing."""
    outputs = site.outputs
    found = [SENSORTHINGS] if outputs.sensorthings is not None else []
    found += [NGSI_LD] if outputs.ngsi_ld is not None else []
    if not found:
        raise BadInput(
            "the site file has no output for a platform",
            "outputs: {sensorthings: {url: ...}} or outputs: {ngsi_ld: {url: ...}}; docs/data.md",
        )
    if outputs.sensorthings is not None and site.position is None:
        raise BadInput(
            "outputs.sensorthings: a SensorThings service needs to know where the site is",
            "position: {latitude: ..., longitude: ...} in the site file",
        )
    return found


def outputs(site: Site, secret: Callable[[str], str], connect: Connect = Http) -> list[Output]:
    """`secret(name)` asks the vault."""
    found: list[Output] = []
    things, entities = site.outputs.sensorthings, site.outputs.ngsi_ld
    if things is not None:
        assert site.position is not None, "names() has looked"
        password = None if things.secret is None else secret(things.secret)
        found.append(
            SensorThings(site, site.position, connect(things.url, Credentials(things.user, password), {}))
        )
    if entities is not None:
        token = None if entities.secret is None else secret(entities.secret)
        headers = {} if entities.tenant is None else {"NGSILD-Tenant": entities.tenant}
        found.append(
            NgsiLd(Entities(site, _levels(site)), connect(entities.url, Credentials(None, token), headers))
        )
    return found


def _levels(site: Site) -> dict[str, tuple[int, int]]:
    """By device: millivolts of a critical battery, and of one that is well."""
    found = {}
    for name, device in site.devices.items():
        power = load_board(device.board).power
        if power is None or power.battery is None:
            continue
        battery = power.battery.with_settings(site.settings_of(name).battery)
        if battery.critical_mv < battery.ok_mv:
            found[name] = (battery.critical_mv, battery.ok_mv)
    return found
