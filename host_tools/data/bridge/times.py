"""Times as boards write them: RFC 3339, UTC, whole seconds."""

from datetime import UTC, datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"


def text_of(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime(FORM)


def seconds_of(text: str) -> int:
    """ValueError if it is none."""
    return int(datetime.strptime(text, FORM).replace(tzinfo=UTC).timestamp())


def hour_of(text: str) -> str:
    """When its hour began."""
    return f"{text[:13]}:00:00Z"
