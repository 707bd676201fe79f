"""Files that are replaced in one step, and what is never replaced."""

import os
import threading
from pathlib import Path

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
