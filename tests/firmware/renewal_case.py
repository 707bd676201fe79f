"""Renewals as a host makes them, and a board's files below a folder of the test."""

import binascii
import hashlib
import json
import os

from cryptolib import aes
from sportbox.core.lock import Order
from sportbox.core.token import hmac_sha256
from sportbox.store import record, renewal
from sportbox.system.renewal import resume

from tests.core.tokens import b64url

SECRET = bytes(range(32))
PART = 512


def seal(part, secret=SECRET):
    """IV, then AES-256-CBC with PKCS#7."""
    iv = os.urandom(16)
    fill = 16 - len(part) % 16
    cipher = aes(hmac_sha256(secret, b"sportbox/seal/1"), 2, iv)
    return b64url(iv + cipher.encrypt(part + bytes([fill]) * fill)).decode()


def config(mark, device="box-1"):
    return json.dumps(
        {"version": 1, "site": "s", "device": device, "hash": mark, "filler": mark * 300}
    ).encode()


def files(mark, device="box-1"):
    """A whole set; `mark` is a letter that stands in each of them."""
    return {
        "/config.json": config(mark, device),
        "/secrets.json": json.dumps({"keys": {}, "mark": mark * 400}).encode(),
        "/certs/ca.der": mark.encode() * 390,
        "/certs/device.der": mark.encode() * 460,
        "/certs/device.key": mark.encode() * 121,
    }


def pack(contents, order=renewal.FILES):
    sizes = ",".join(['"%s":%d' % (path, len(contents.get(path, b""))) for path in order])
    return b'{"files":{%s}}\n' % sizes.encode() + b"".join([contents.get(path, b"") for path in order])


def order(blob, part, jti=None, digest=None, of=None, sealed=None):
    digest = digest or binascii.hexlify(hashlib.sha256(blob).digest()).decode()
    of = of or (len(blob) + PART - 1) // PART
    if sealed is None:
        sealed = seal(blob[PART * part : PART * part + PART])
    args = {"renew": {"id": digest, "part": part, "of": of, "sealed": sealed}}
    made = Order(jti or "jti-%d" % part, "", "configure", "", args)
    made.secret = SECRET
    return made


def receive(receiver, blob):
    """What each part came to."""
    return [receiver.take(order(blob, part)) for part in range((len(blob) + PART - 1) // PART)]


def put(base, contents):
    for path, data in contents.items():
        record.make_dir((base + path).rsplit("/", 1)[0])
        with open(base + path, "wb") as file:
            file.write(data)


def get(base):
    """The set that is in use."""
    found = {}
    for path in renewal.FILES:
        try:
            with open(base + path, "rb") as file:
                found[path] = file.read()
        except OSError:
            continue
    return found


class Desk:
    def __init__(self):
        self.answers = []

    def settle(self, jti, result, reason):
        self.answers.append((jti, result, reason))


class App:
    """What a trial tells."""

    def __init__(self):
        self.desk = Desk()
        self.events = []

    def event(self, component, kind, data):
        self.events.append((component, kind, data))


def boot(base, reaches):
    """As main.py and box.py go on: (the set that the board runs with, what it told)."""
    app = App()
    trial = resume(base)
    root = "" if trial is None else trial.root
    used = get(root or base)
    if trial is None:
        return used, app
    if (trial.decided() or trial.tick(reaches, True)) and not trial.root:
        trial.tell(app)
    return used, app
