"""The vault's questions at a real terminal: asked in order, answered unseen."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from host_tools.setup.paths import REPOSITORY
from tests.host.helpers import STRALSUND
from tests.vaults import PASSPHRASE, WIFI_PASSWORD

BOUND_S = 60
TAKE_TERMINAL = 'exec "$@" <>"$0"'
"""A session's first process that opens a terminal has it as its own: that is where getpass asks."""


def at_terminal(words: list[str], answers: list[tuple[str, str]]) -> tuple[int, str, str]:
    """Status, stdout, and what the terminal showed; each answer is typed when its question is there."""
    main, other = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPORTBOX_PASS")}
    environment["PYTHONPATH"] = str(REPOSITORY)
    command = ["sh", "-c", TAKE_TERMINAL, os.ttyname(other), sys.executable, "-m", "host_tools.cli", *words]
    process = subprocess.Popen(
        command, stdin=other, stdout=subprocess.PIPE, stderr=other, env=environment, start_new_session=True
    )
    seen, left, deadline = "", list(answers), time.monotonic() + BOUND_S
    try:
        while process.poll() is None or select.select([main], [], [], 0)[0]:
            assert time.monotonic() < deadline, seen
            if not select.select([main], [], [], 0.05)[0]:
                continue
            seen += os.read(main, 4096).decode()
            if left and left[0][0] in seen.rpartition("\n")[2]:
                os.write(main, (left.pop(0)[1] + "\n").encode())
    finally:
        process.kill()
        out = process.communicate()[0].decode()
        os.close(main)
        os.close(other)
    assert not left, seen
    return process.returncode, out, seen


def test_a_vault_is_made_and_opened(tmp_path: Path) -> None:
    site_file = tmp_path / "x.yaml"
    site_file.write_bytes(STRALSUND.read_bytes())
    status, out, seen = at_terminal(
        ["vault", "set-wifi", str(site_file)],
        [
            ("New passphrase", PASSPHRASE),
            ("The same again", PASSPHRASE),
            ("Password of the Wi-Fi", WIFI_PASSWORD),
            ("The same again", WIFI_PASSWORD),
        ],
    )
    assert (status, out) == (0, ""), seen
    assert "is set" in seen
    shown = ["vault", "show", str(site_file), "--json"]
    status, out, again = at_terminal(
        shown, [("Passphrase of", "not the right one"), ("Passphrase of", PASSPHRASE)]
    )
    assert (status, '"wifi":["wifi-main"]' in out) == (0, True), again
    assert "does not open" in again
    for secret in (PASSPHRASE, WIFI_PASSWORD, "not the right one"):
        assert secret not in seen + again + out
