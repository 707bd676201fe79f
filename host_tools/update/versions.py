"""Which version is the older one."""

from host_tools.update.form import VERSION


def is_older(version: str, than: object) -> bool:
    """False where one of them is no version, as of a board in safe mode."""
    one = _numbers(version)
    other = _numbers(than) if isinstance(than, str) else None
    return one is not None and other is not None and one < other


def _numbers(version: str) -> tuple[int, ...] | None:
    match = VERSION.fullmatch(version)
    return tuple(map(int, match.groups())) if match else None
