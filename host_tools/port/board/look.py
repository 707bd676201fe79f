"""Runs on the board: tells who it is. Nothing of what it prints is secret."""

import binascii
import json
import os
import sys

import machine

ENOENT = 2
CERTIFICATE_BYTES_MAX = 2048


def read(path, limit=1 << 16):
    try:
        with open(path, "rb") as file:
            return file.read(limit)
    except OSError as error:
        if error.errno != ENOENT:
            raise
    return None


def facts_of(path, names):
    """Some of an object in a JSON file; {} for one that is no such thing, None when there is no file."""
    text = read(path)
    if text is None:
        return None
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return {name: content.get(name) for name in names} if isinstance(content, dict) else {}


def look():
    certificate = read("/certs/device.der", CERTIFICATE_BYTES_MAX)
    text = json.dumps(
        {
            "mac": binascii.hexlify(machine.unique_id(), ":").decode(),
            "machine": getattr(sys.implementation, "_machine", ""),
            "version": ".".join([str(part) for part in sys.implementation.version[:3]]),
            "manifest": facts_of("/manifest.json", ("site", "device", "key_version")),
            "marker": facts_of("/provisioning", ("site", "device", "clear")),
            "config": facts_of("/config.json", ("site", "device")),
            "certificate": certificate and binascii.b2a_base64(certificate).decode().strip(),
            "data": "data" in os.listdir("/"),
        }
    )
    print(binascii.crc32(text), text)
