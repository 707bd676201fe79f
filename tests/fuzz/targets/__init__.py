"""What reads what strangers send, a file each: `SEEDS`, good inputs, and `one(data)`, which raises whatever
does not hold. FIRMWARE runs on both interpreters, HOST on CPython."""

FIRMWARE = (
    "session",
    "token",
    "desk",
    "radar",
    "keys",
    "answers",
    "bundle",
    "pull",
    "setting",
    "renewal",
    "records",
    "outbox",
)
HOST = (
    "host_site",
    "host_bundle",
    "host_board",
    "host_flash",
    "host_line",
    "host_broker",
)
