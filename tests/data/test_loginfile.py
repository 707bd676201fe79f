"""What `site login` and `centre login` write is what a bridge can read."""

import json
from pathlib import Path
from typing import Any

import pytest

from host_tools.data.bridge.loginfile import LONG_S, read_login
from host_tools.errors import BadInput
from host_tools.site.access import access_of
from host_tools.site.load import load_site
from tests.data.played import SITE, site_file
from tests.vaults import cheap_vault


def written(folder: Path, content: Any, mode: int = 0o600) -> Path:
    path = folder / "login.json"
    path.touch(mode)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def of_site(folder: Path) -> dict[str, Any]:
    file = site_file(folder)
    file.write_text(SITE.replace("tls: false", "host: mqtt.example, server_name: broker.example"))
    return access_of(load_site(file), cheap_vault(file, wifi=None), "recorder")


def test_of_a_site(tmp_path: Path) -> None:
    found = of_site(tmp_path)
    access = read_login(written(tmp_path, found))
    (address,) = access.addresses
    assert str(address) == found["url"] == "mqtts://mqtt.example:8884"
    assert address.login is not None and address.login.password == found["password"]
    assert address.login.server_name == "broker.example" and len(address.login.authorities) == 1
    assert address.login.context().cert_store_stats()["x509_ca"] == 1
    assert access.kind is None and access.user == "recorder"
    assert found["password"] not in repr(access)


def test_of_a_centre_one_host_after_the_other(tmp_path: Path) -> None:
    found = {**of_site(tmp_path), "kind": "rabbitmq", "hosts": ["a.example", "b.example", "c.example"]}
    del found["host"], found["server_name"]
    access = read_login(written(tmp_path, found))
    assert access.kind == "rabbitmq"
    now_s = 0.0
    find = access.find(lambda: now_s)
    assert [find().host[0] for _ in range(4)] == ["a", "b", "c", "a"]
    assert find().host == "b.example"
    now_s += LONG_S + 1  # that one let us in
    assert find().host == "a.example"


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"port": 1, "user": "u", "password": "pw-4711", "ca": null}']
)
def test_what_is_none(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match="is no file of") as raised:
        read_login(written(tmp_path, content))
    assert "pw-4711" not in str(raised.value)


def test_who_may_read_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="readable by others"):
        read_login(written(tmp_path, of_site(tmp_path), 0o640))
    with pytest.raises(BadInput, match="no such file"):
        read_login(tmp_path / "none.json")
