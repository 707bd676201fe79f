"""No secret of a site in what its commands say, in the files they write, in arguments or in logs."""

import base64
import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess, free_port
from host_tools.brokers.foreground import directory_of
from host_tools.brokers.provider import BrokerProvider
from host_tools.brokers.users import services
from host_tools.cli import main
from host_tools.site import boards_provider, passphrase
from host_tools.site.ca import device_private_key
from host_tools.site.keys import ROLES, code_key, device_key
from host_tools.site.load import load_site
from host_tools.site.vault import Vault
from tests.brokers import start, wait_until
from tests.host.grounds import MACS, WITH_WIFI, Ground
from tests.host.helpers import changed
from tests.leaks import Leaks, Processes, forms_of
from tests.vaults import PASSPHRASE, WIFI_PASSWORD, reopened

NEW_PASSPHRASE = "staple battery horse"
NEW_WIFI = "quallenfischer 77"
TOKEN = "frost-token-48151623"
TIMEOUT_S = 60


def number(private: object) -> bytes:
    return private.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[attr-defined]


def secrets_of(vault: Vault) -> dict[str, bytes]:
    """All that the vault keeps now, and all that is derived from it."""
    found: dict[str, bytes] = {"broker key": number(vault.broker_key)}
    for user, password in vault.passwords("booking", "manager").items():
        found[f"password of {user}"] = password.encode()
    for n, authority in enumerate(vault.authorities):
        found[f"key of CA {n}"] = number(authority.key)
        found[f"file of CA {n}"] = authority.key_der()
    for generation, master in vault.masters.items():
        found[f"master {generation}"] = master
        for device in MACS:
            for version in (1, 2):
                where = f"{device}, version {version}, generation {generation}"
                private = device_private_key(master, vault.site, device, version)
                found[f"TLS key of {where}"] = number(private)
                found[f"code key of {where}"] = code_key(master, vault.site, device, "lock-1", version)
                for role in ROLES:
                    found[f"{role} key of {where}"] = device_key(master, vault.site, device, role, version)
    return found


@dataclass
class Commands:
    """What commands say is kept. `alone`: as a process of its own, with arguments that all can see."""

    folder: Path
    said: dict[str, bytes] = field(default_factory=dict)

    def run(self, *words: object, status: int = 0, alone: bool = False, **environment: str) -> None:
        line = [str(word) for word in words]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            found, said = self._alone(line) if alone else self._here(line)
        self.said[f"`{' '.join(line)}` ({len(self.said)})"] = said
        assert found == status, f"{line}: {found}\n{said.decode()}"

    def _alone(self, line: list[str]) -> tuple[int, bytes]:
        command = [sys.executable, "-m", "host_tools.cli", *line]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=TIMEOUT_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def _here(self, line: list[str]) -> tuple[int, bytes]:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main(line)
        return status, said.getvalue().encode()


@pytest.fixture
def broker(run_dir: Path) -> Iterator[BrokerProcess]:
    with start("mosquitto", run_dir) as running:
        yield running


def private_file(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.touch(0o600)
    path.write_text(text + "\n")
    return path


def play(commands: Commands, ground: Ground, typed: Path) -> list[dict[str, bytes]]:
    """A day with everything that a person may do; the secrets after each part of it."""
    site, at = ground.file, []

    def note() -> None:
        at.append(secrets_of(reopened(site, typed)))

    note()
    commands.run("vault", "show", site)
    commands.run("vault", "show", site, "--json")
    commands.run("vault", "set-wifi", site, SPORTBOX_WIFI_PASSWORD="short", status=2)
    commands.run("vault", "set-wifi", site, alone=True, SPORTBOX_WIFI_PASSWORD=NEW_WIFI)
    commands.run("vault", "set-secret", site, "frost", "--secret-file", private_file(typed / "token", TOKEN))
    commands.run("vault", "set-secret", site, "Frost", SPORTBOX_SECRET=TOKEN, status=2)
    commands.run("vault", "show", site, status=2, SPORTBOX_PASSPHRASE=NEW_PASSPHRASE)
    (typed / "passphrase").chmod(0o644)
    commands.run("vault", "show", site, "--passphrase-file", typed / "passphrase", status=2)
    (typed / "passphrase").chmod(0o600)
    commands.run("site", "check", site)
    commands.run("site", "export", site, "-o", ground.file.with_name("kit.zip"))
    commands.run("site", "plan", site, status=4)
    commands.run("site", "plan", site, status=2, SPORTBOX_PASSPHRASE=NEW_PASSPHRASE)
    commands.run("site", "rotate", site, "master", "--status")
    ground.boards["box-1"].say("offline")
    commands.run("site", "rotate", site, "master", status=1)
    commands.run("site", "plan", site, "--json", status=4)
    commands.run("site", "apply", site, status=1)
    commands.run("site", "status", site)
    commands.run("site", "rotate", site, "master", "--finish", status=1)
    ground.boards["box-1"].say()
    commands.run("site", "rotate", site, "master", "--json", alone=True)
    note()
    commands.run("site", "rotate", site, "master", "--finish")
    commands.run("site", "rotate", site, "ca")
    commands.run("site", "rotate", site, "ca")
    note()
    commands.run("site", "apply", site, "--json", alone=True)
    commands.run("site", "rotate", site, "ca", "--finish")
    commands.run("site", "rotate", site, "device", "box-1")
    commands.run("inventory", site, "--history", "--json")
    commands.run("inventory", site, "--revoked", "--json")
    vault = site.with_suffix(".vault")
    whole = vault.read_bytes()
    vault.write_bytes(whole[:-40])
    commands.run("vault", "show", site, status=2)
    vault.write_bytes(whole)
    commands.run("vault", "passwd", site, SPORTBOX_NEW_PASSPHRASE="short", status=2)
    note()
    commands.run("vault", "passwd", site, SPORTBOX_NEW_PASSPHRASE=NEW_PASSPHRASE)
    return at


def test_nothing_leaks(
    run_dir: Path, tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that a person made to hand a secret over are in `tmp_path`; all else is looked at."""
    folder = run_dir / "site"
    folder.mkdir()
    ground = Ground(folder, broker.port)
    ground.write(changed("port: 1883", f"port: {broker.port}", WITH_WIFI))
    for name in MACS:
        ground.provisioned(name)
    typed = tmp_path / "typed"
    private_file(typed / "passphrase", PASSPHRASE)
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(passphrase, "has_terminal", lambda: False)
    monkeypatch.setattr(boards_provider, "BACK_S", 0.4)
    commands = Commands(folder)
    with Processes() as processes:
        stages = play(commands, ground, typed)
    ground.close()
    everything = {
        "passphrase": PASSPHRASE.encode(),
        "new passphrase": NEW_PASSPHRASE.encode(),
        "Wi-Fi password": WIFI_PASSWORD.encode(),
        "new Wi-Fi password": NEW_WIFI.encode(),
        "token": TOKEN.encode(),
        **{f"{name} ({n})": secret for n, stage in enumerate(stages) for name, secret in stage.items()},
    }
    assert len(set(everything.values())) > 40
    leaks = Leaks(everything)
    for line, said in commands.said.items():
        leaks.look(line, said)
    assert leaks.look_at_files(run_dir) >= 5
    for arguments in processes.seen:
        leaks.look("arguments of a process", arguments)
    assert any(b"rotate" in arguments for arguments in processes.seen)
    assert leaks.found == []


def test_a_locked_down_broker_has_hashes_and_its_own_key(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key is the one secret that lies bare: for its owner alone."""
    folder = run_dir / "site"
    folder.mkdir()
    ground = Ground(folder, 9)
    ports = f"port: {free_port()}, tls: true, services_port: {free_port()}"
    ground.write(changed("port: 1883", ports, WITH_WIFI))
    directory = directory_of(ground.file, load_site(ground.file))
    ground.vault.passwords(*services(load_site(ground.file)))
    secrets = {**secrets_of(ground.vault), "passphrase": PASSPHRASE.encode()}
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    commands, log = Commands(folder), directory / "mosquitto.log"
    with Processes() as processes, going_on(folder, "broker", "run", ground.file):
        wait_until(lambda: (folder / "broker.said").read_bytes() != b"", "the broker", 30)
        with going_on(folder, "watch", ground.file):
            wait_until(lambda: b"u'dashboard'" in log.read_bytes(), "a dashboard", 30)
        ground.inventory.revoke("box-1", 0, None, "1234abcd", "for the test")
        provider = BrokerProvider(ground.file, load_site(ground.file), ground.vault, ground.inventory)
        assert [change.name for change in provider.changes()] == ["revoked.pem"]
        commands.run("site", "plan", ground.file, status=4)
        commands.run("site", "apply", ground.file, status=1, alone=True)
        commands.run("site", "status", ground.file)
        login, ca = ("site", "login", ground.file), folder / "booking-ca.pem"
        commands.run(*login, "booking")
        commands.run(*login, "booking", "--json", "--ca", ca)
        commands.run(*login, "booking", "--out", tmp_path / "booking.json", alone=True)
        assert provider.changes() == []
    leaks = Leaks(secrets)
    for line, said in commands.said.items():
        leaks.look(line, said)
    key = directory / "broker.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert leaks.look_at_files(run_dir, [key]) > 10
    for arguments in processes.seen:
        leaks.look("arguments of a process", arguments)
    assert leaks.found == []
    leaks.look("its key", base64.b64decode("".join(key.read_text().splitlines()[1:-1])))
    assert leaks.found == ["broker key raw in its key"]


@contextlib.contextmanager
def going_on(folder: Path, name: str, *words: object) -> Iterator[None]:
    """A command that goes on for a while; what it says is a file of `folder`."""
    command = [sys.executable, "-m", "host_tools.cli", name, *map(str, words)]
    with (folder / f"{name}.said").open("wb") as said:
        running = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        yield
        assert running.poll() is None, (folder / f"{name}.said").read_text()
    finally:
        running.terminate()
        running.wait(TIMEOUT_S)


@pytest.mark.parametrize("before", range(4))
def test_a_leak_is_found(before: int, tmp_path: Path) -> None:
    """In each form, wherever it stands."""
    secret = bytes(range(200, 232))
    text = b"x" * before + secret + b"and more"
    written = {
        "raw": text,
        "hex": text.hex().encode(),
        "HEX": text.hex().upper().encode(),
        "base64": base64.b64encode(text),
        "url": base64.urlsafe_b64encode(text).rstrip(b"="),
        "repr": repr(text).encode(),
        "json": json.dumps({"k": base64.b64encode(text).decode()}).encode(),
    }
    for name, content in written.items():
        (tmp_path / name).write_bytes(content)
    leaks = Leaks({"it": secret})
    assert leaks.look_at_files(tmp_path) == len(written)
    assert {one.rpartition(" in ")[2] for one in leaks.found} == set(written)
    clean = Leaks({"it": bytes(range(100, 132))})
    clean.look_at_files(tmp_path)
    assert clean.found == []
    assert all(len(form) > 30 for _, form in forms_of(secret))


def test_arguments_are_seen() -> None:
    with Processes() as processes:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)", "argument-4711"], check=True)
    leaks = Leaks({"it": b"argument-4711"})
    for arguments in processes.seen:
        leaks.look("arguments", arguments)
    assert leaks.found
