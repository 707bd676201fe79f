"""`--replicate N`: more field boards than the site has, for load."""

from collections.abc import Iterator

from host_tools.errors import BadInput
from host_tools.site.kinds import Lock
from host_tools.site.models import Device, Site

NAME_MAX = 32
BOARDS_MAX = 5_000


def is_field_board(device: Device) -> bool:
    """A board without a lock: copies of it open nothing."""
    return not any(isinstance(component, Lock) for component in device.components.values())


def _copies(names: list[str], taken: set[str]) -> Iterator[tuple[str, str]]:
    """(new name, original) without end: court-1-2, court-2-2, ..., court-1-3, ..."""
    round_ = 2
    while True:
        for name in names:
            suffix = f"-{round_}"
            copy = name[: NAME_MAX - len(suffix)] + suffix
            if copy not in taken:
                taken.add(copy)
                yield copy, name
        round_ += 1


def replicate(site: Site, count: int) -> Site:
    """The site with `count` field boards in all; its own come first and keep their names."""
    if count > BOARDS_MAX:
        raise BadInput(f"--replicate {count}: at most {BOARDS_MAX}")
    field = [name for name, device in site.devices.items() if is_field_board(device)]
    if not field:
        raise BadInput(f"site `{site.site}` has no field board (one without a lock) to replicate")
    if count < len(field):
        raise BadInput(f"--replicate {count}: the site has {len(field)} field boards already")
    devices = dict(site.devices)
    copies = _copies(field, set(devices))
    for _ in range(count - len(field)):
        name, original = next(copies)
        devices[name] = devices[original]
    return site.model_copy(update={"devices": devices})
