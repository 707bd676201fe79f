"""Chips on a pty: the unmodified mpremote works on them as on an ESP32."""

from pathlib import Path

from tests.sim.chips import chip_board, mpremote


def test_mpremote_runs_code_and_moves_files(run_dir: Path) -> None:
    here = run_dir / "here"
    (here / "pkg").mkdir(parents=True)
    (here / "a.bin").write_bytes(bytes(range(256)) * 20)
    (here / "pkg" / "b.py").write_text("VALUE = 7\n")
    with chip_board(run_dir, blank=False) as board:
        copied = f"fs cp -r {here}/. : + fs ls + fs sha256sum :a.bin + fs mkdir :new + fs rm :new + df"
        said = mpremote(board.port, *copied.split()).stdout
        assert "a.bin" in said and "pkg/" in said and "VfsLfs2" in said
        said = mpremote(
            board.port, "resume", "exec", "import pkg.b; print(pkg.b.VALUE)", "fs", "cat", ":pkg/b.py"
        ).stdout
        assert said.split() == ["7", "VALUE", "=", "7"]
        board.cut()
        found = board.files()
        assert found["/a.bin"] == bytes(range(256)) * 20 and "/boot.py" in found
