"""The master secret: made once, readable by its owner alone, never replaced, never shown."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_tools.errors import BadInput, ToolError
from host_tools.site.secrets import load_or_create


def test_made_once_and_then_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    first = load_or_create(folder, "site-a")
    assert len(first) == 32
    assert load_or_create(folder, "site-a") == first
    assert [path.name for path in folder.iterdir()] == ["secrets.json"]


def test_for_the_owner_alone(tmp_path: Path) -> None:
    load_or_create(tmp_path, "site-a")
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_two_sites_have_two_secrets(tmp_path: Path) -> None:
    assert load_or_create(tmp_path / "a", "site-a") != load_or_create(tmp_path / "b", "site-a")


def test_many_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: load_or_create(tmp_path, "site-a"), range(64)))
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_the_state_of_another_site_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path, "site-a")
    with pytest.raises(BadInput, match="belongs to site `site-a`, not to `site-b`") as caught:
        load_or_create(tmp_path, "site-b")
    assert caught.value.hint is not None
    assert "--state" in caught.value.hint


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path, "site-a")
    (tmp_path / "secrets.json").chmod(0o640)
    with pytest.raises(BadInput, match=r"readable by others \(mode 0640\)") as caught:
        load_or_create(tmp_path, "site-a")
    assert caught.value.hint == f"chmod 600 {tmp_path / 'secrets.json'}"


SECRET = base64.urlsafe_b64encode(b"x" * 31).decode()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "\xff",
        json.dumps({"site": "site-a"}),
        json.dumps({"site": "site-a", "master": 7}),
        json.dumps({"site": "site-a", "master": "!!!"}),
        json.dumps({"site": "site-a", "master": SECRET}),
    ],
)
def test_a_damaged_file_is_told_and_neither_replaced_nor_shown(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(content.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(BadInput, match="is damaged") as caught:
        load_or_create(tmp_path, "site-a")
    assert SECRET not in str(caught.value)
    assert path.read_bytes() == content.encode("latin-1")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    with pytest.raises(ToolError, match="cannot create") as caught:
        load_or_create(blocker / "state", "site-a")
    assert caught.value.hint is not None
