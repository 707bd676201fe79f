"""What a process that we start may know of our environment: all but the secrets that a person put there."""

import os

SECRETS = (
    "SPORTBOX_PASSPHRASE",
    "SPORTBOX_NEW_PASSPHRASE",
    "SPORTBOX_WIFI_PASSWORD",
    "SPORTBOX_SECRET",
    "SPORTBOX_CENTRE_PASSPHRASE",
)
"""A variable for one of several Wi-Fi networks begins with the third."""


def without_secrets() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
