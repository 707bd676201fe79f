"""Files that are replaced in one step, and what is never replaced."""

import os
import threading
from pathlib import Path

import pytest

from host_tools.site.atomic import replace_file


def test_a_pipe_is_written_to_and_stays_one(run_dir: Path) -> None:
    pipe = run_dir / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    replace_file(pipe, b"labels")
    assert pipe.is_fifo()
    reader.join(10)
    assert read == [b"labels"]


def test_a_file_is_replaced_behind_its_link(run_dir: Path) -> None:
    (run_dir / "target").write_bytes(b"old")
    (run_dir / "link").symlink_to("target")
    replace_file(run_dir / "link", b"new")
    assert (run_dir / "link").is_symlink()
    assert (run_dir / "target").read_bytes() == b"new"
    assert sorted(path.name for path in run_dir.iterdir()) == ["link", "target"]


def test_the_draft_is_on_the_disk_before_it_takes_the_name(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run_dir / "file").write_bytes(b"old")
    seen: list[tuple[str, bytes]] = []
    sync, rename = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        seen.append(("sync", (run_dir / "file").read_bytes()))

    def replace(self: Path, target: Path) -> Path:
        seen.append(("rename", self.read_bytes()))
        assert self.stat().st_mode & 0o777 == 0o600
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    replace_file(run_dir / "file", b"new")
    assert seen == [("sync", b"old"), ("rename", b"new"), ("sync", b"new")]


def test_a_write_that_fails_leaves_the_old_file_alone(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run_dir / "file").write_bytes(b"old")

    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        replace_file(run_dir / "file", b"new")
    assert [(path.name, path.read_bytes()) for path in run_dir.iterdir()] == [("file", b"old")]
