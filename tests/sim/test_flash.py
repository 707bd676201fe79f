"""Flash images, as the host makes and reads them."""

from pathlib import Path

from host_tools.sim.flash import FLASH_BYTES, Template, mounted, read_files
from tests.sim.boards import CONFIG

FILES = {
    "/main.py": b"print(1)\n",
    "/a/sportbox/core/lock.mpy": b"M" * 9000,
    "/a/sportbox/app.mpy": b"A" * 100,
    "/a/umqtt/simple.mpy": b"U" * 5000,
}


def put(folder: Path, path: str, data: bytes) -> None:
    """As the board would write it."""
    with mounted(folder / "flash.bin") as fs:
        fs.makedirs(str(Path(path).parent), exist_ok=True)
        with fs.open(path, "wb") as f:
            f.write(data)


def test_a_new_flash_holds_what_was_put_there_and_little_more(run_dir: Path) -> None:
    Template(FILES).install(run_dir, CONFIG, {"keys": {}})
    found = read_files(run_dir)
    assert {path: found[path] for path in FILES} == FILES
    assert set(found) == {*FILES, "/config.json", "/secrets.json"}
    stat = (run_dir / "flash.bin").stat()
    assert stat.st_size == FLASH_BYTES
    assert stat.st_blocks * 512 < 256 * 1024, "sparse: a thousand of them fit a small disk"


def test_an_update_changes_the_firmware_and_leaves_the_boards_data(run_dir: Path) -> None:
    Template(FILES).install(run_dir, CONFIG, {})
    put(run_dir, "/data/outbox/1", b"the board's")
    newer = {**FILES, "/main.py": b"print(2)\n", "/a/sportbox/new.mpy": b"N"}
    del newer["/a/sportbox/app.mpy"]
    Template(newer).install(run_dir, {**CONFIG, "device": "box-2"}, {"keys": {"a": "b"}})
    found = read_files(run_dir)
    assert {path: found[path] for path in newer} == newer
    assert "/a/sportbox/app.mpy" not in found
    assert found["/data/outbox/1"] == b"the board's"
    assert b'"box-2"' in found["/config.json"]
    assert found["/secrets.json"] == b'{"keys":{"a":"b"}}'


def test_installing_the_same_again_writes_nothing(run_dir: Path) -> None:
    template = Template(FILES)
    template.install(run_dir, CONFIG, {})
    before = (run_dir / "flash.bin").read_bytes()
    template.install(run_dir, CONFIG, {})
    assert (run_dir / "flash.bin").read_bytes() == before


def test_a_board_that_has_updated_itself_keeps_its_slots(run_dir: Path) -> None:
    """Its loader and its configuration are still the host's."""
    Template(FILES).install(run_dir, CONFIG, {})
    for path in ("/b/sportbox/app.mpy", "/slots"):
        put(run_dir, path, b"of an update")
    newer = {**FILES, "/main.py": b"print(2)\n", "/a/sportbox/app.mpy": b"N"}
    Template(newer).install(run_dir, {**CONFIG, "device": "box-2"}, {})
    found = read_files(run_dir)
    assert found["/main.py"] == b"print(2)\n" and b'"box-2"' in found["/config.json"]
    assert found["/a/sportbox/app.mpy"] == FILES["/a/sportbox/app.mpy"]
    assert found["/b/sportbox/app.mpy"] == found["/slots"] == b"of an update"
