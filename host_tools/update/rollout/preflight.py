"""What is known before anything is sent: whom a bundle is for, and who would go back to an older version."""

from collections.abc import Iterable, Mapping, Sequence

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.site.models import Site
from host_tools.site.present import Seen
from host_tools.site.resolve import device_of
from host_tools.update.form import Bundle
from host_tools.update.rollout.model import Row, Settings
from host_tools.update.rollout.waves import in_order, numbers
from host_tools.update.versions import is_older

HAD_IT = -1
"""The wave of boards that have the version already."""
NAMED_MAX = 20


def chosen(site: Site, only: Sequence[str]) -> list[str]:
    """The boards that are meant, in the site file's order. BadInput for one that there is not."""
    for name in only:
        device_of(site, name)
    return [name for name in site.devices if not only or name in only]


def check_boards(site: Site, names: Iterable[str], bundle: Bundle) -> None:
    """BadInput names the boards that the bundle is not for."""
    foreign = [name for name in names if site.devices[name].board not in bundle.manifest.boards]
    if foreign:
        kinds = sorted({site.devices[name].board for name in foreign})
        raise BadInput(
            f"the bundle is not for {', '.join(kinds)}: {listed(foreign)}",
            f"it is for {', '.join(bundle.manifest.boards)}; --board NAME chooses boards",
        )


def check_versions(version: str, seen: Mapping[str, Seen], names: Iterable[str], down: bool) -> None:
    """BadInput names the boards that have a newer version."""
    newer = [name for name in names if is_older(version, _firmware(seen, name))]
    if newer and not down:
        shown = [f"{name} has {printable(str(_firmware(seen, name)))}" for name in newer]
        raise BadInput(
            f"{version} is older than what runs: {listed(shown)}",
            "--allow-downgrade brings them back to it; --board NAME chooses boards",
        )


def rows_for(
    site: Site, names: Sequence[str], seen: Mapping[str, Seen], version: str, settings: Settings
) -> list[Row]:
    """The boards in their waves. Those that have it are in none."""
    had = [name for name in names if _firmware(seen, name) == version and not _is_trying(seen[name])]
    rest = [name for name in names if name not in set(had)]
    online = [name for name in rest if name in seen and seen[name].is_online]
    order = in_order(rest, {name: site.devices[name].board for name in rest}, online)
    waves = numbers(len(order), settings.canary, settings.waves)
    rows = [Row(name, HAD_IT, "done", was=version) for name in had]
    return rows + [Row(name, wave) for name, wave in zip(order, waves, strict=True)]


def strangers(site: Site, seen: Iterable[str]) -> list[str]:
    return [printable(name) for name in sorted(seen) if name not in site.devices]


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _firmware(seen: Mapping[str, Seen], name: str) -> object:
    return seen[name].info.get("firmware") if name in seen else None


def _is_trying(seen: Seen) -> bool:
    return isinstance(seen.info.get("update"), dict)
