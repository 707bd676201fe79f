"""`sportbox station` on whole simulated boards: two blank chips become the two devices of a site."""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.port import station as bench
from host_tools.port.ports import PORTS_VARIABLE, Port, found_ports
from host_tools.sim.chip.image import sim_image
from host_tools.site.inventory import Inventory
from tests.host.helpers import GOOD, write
from tests.sim.chips import chip_board

PATIENCE_S = 60.0


def test_blank_chips_become_the_missing_devices(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    site_file = write(run_dir, GOOD)
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", "correct horse battery staple")
    words = []
    for chip in ("esp32s3", "esp32c3"):
        path = run_dir / f"{chip}.bin"
        path.write_bytes(sim_image(chip))
        words += ["--image", str(path)]
    with ExitStack() as stack:
        box = stack.enter_context(chip_board(run_dir, "esp32s3", name="a-box", flash_mib=8))
        court = stack.enter_context(chip_board(run_dir, "esp32c3", name="a-court"))
        monkeypatch.setenv(PORTS_VARIABLE, f"{box.port},{court.port}")
        end_s = time.monotonic() + PATIENCE_S
        monkeypatch.setattr(
            bench, "found_ports", lambda: found_ports() if time.monotonic() < end_s else stop()
        )
        station = ["station", "--site", str(site_file), "--wait", "0", "--json", *words]
        assert main(station) == 0
        inventory = Inventory.open(site_file)
        assert inventory.device_of(box.mac) == "box-1"
        assert inventory.device_of(court.mac) == "court-1"
        done = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["device"]: line["ok"] for line in done} == {"box-1": True, "court-1": True}
        assert main(["flash", "--port", box.port, *words]) == 0  # the image is there, so it is left alone
        assert (
            main(["flash", "--port", court.port, "--site", str(site_file), "--image", str(older(run_dir))])
            == 1
        )
        assert "this board is provisioned as test-site/court-1" in capsys.readouterr().err
        assert main(["doctor", "--port", court.port, "--json"]) == 0
        told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert any(line.get("device") == "court-1" for line in told)


def stop() -> list[Port]:
    """Ctrl-C: a station in which a board failed would wait for another one."""
    raise KeyboardInterrupt


def older(run_dir: Path) -> Path:
    path = run_dir / "older.bin"
    path.write_bytes(sim_image("esp32c3", "1.28.0"))
    return path
