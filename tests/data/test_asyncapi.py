"""The AsyncAPI document is one, by the schema that AsyncAPI publishes; and the commands that print it."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from host_tools.cli import main
from host_tools.data.asyncapi import document
from host_tools.data.schemas import schemas
from host_tools.data.topics import TOPICS
from host_tools.setup.paths import REPOSITORY
from host_tools.setup.published import FetchError, asyncapi_schema
from host_tools.site.load import load_site
from tests.data.test_definition import EVENT
from tests.data.traffic import Document

SITES = sorted((REPOSITORY / "sites").glob("*.yaml"))


@pytest.fixture(scope="module")
def published() -> Draft7Validator:
    try:
        return Draft7Validator(json.loads(asyncapi_schema().read_text()))
    except FetchError as error:
        pytest.skip(f"the published schema of AsyncAPI cannot be had: {error}")


def faults(published: Draft7Validator, found: Any) -> list[str]:
    return [f"{list(error.path)}: {error.message[:300]}" for error in published.iter_errors(found)]


def test_the_document_of_any_site(published: Draft7Validator) -> None:
    found = document()
    assert faults(published, found) == []
    assert faults(published, {**found, "info": {}}) != []
    broken = json.loads(json.dumps(found))
    broken["operations"]["send-info"]["action"] = "publish"
    assert faults(published, broken) != []


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
@pytest.mark.parametrize("tls", [False, True])
def test_the_documents_of_sites(path: Path, tls: bool, published: Draft7Validator) -> None:
    site = load_site(path)
    site = site.model_copy(update={"broker": site.broker.model_copy(update={"tls": tls})})
    assert faults(published, document(site)) == []


def resolve(found: dict[str, Any], reference: str) -> Any:
    value: Any = found
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    return value


def references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [found for each in value for found in references(each)]
    if not isinstance(value, dict):
        return []
    own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return own + [found for each in value.values() for found in references(each)]


def test_nothing_is_missing() -> None:
    found = document()
    assert set(found["channels"]) == {topic.name for topic in TOPICS}
    assert len(found["operations"]) == len(TOPICS)
    assert set(found["components"]["schemas"]) == set(schemas()) - {"event"}
    for reference in references(found):
        assert resolve(found, reference)


def test_a_reader_of_the_document_tells_right_from_wrong() -> None:
    read = Document(document())
    topic = "sportbox/v1/ground/box-1/"
    assert read.faults(f"{topic}event", json.dumps(EVENT).encode()) == []
    assert read.faults(f"{topic}availability", b"online") == []
    assert read.faults(f"{topic}lock-1/state", b'{"state": "locked", "since": null}') == []
    assert read.faults(f"{topic}availability", b"gone")
    assert read.faults(f"{topic}lock-1/state", b'{"state": "open", "since": null}')
    assert read.faults(f"{topic}event", json.dumps({**EVENT, "type": "sportbox.gate.opened"}).encode())
    assert read.faults(f"{topic}news", b"{}")


def test_a_site_has_its_own_channels() -> None:
    site = load_site(REPOSITORY / "sites" / "hafensport-rostock.yaml")
    found = document(site)
    channel = found["channels"]["state-lock"]
    assert channel["address"] == "sportbox/v1/{site}/{device}/lock-{n}/state"
    assert channel["parameters"]["site"]["enum"] == [site.site]
    assert channel["parameters"]["device"]["enum"] == sorted(site.devices)
    named = {name for device in site.devices.values() for name in device.components}
    for number in channel["parameters"]["n"]["enum"]:
        assert f"lock-{number}" in named


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "asyncapi"]) == 0
    assert json.loads(capsys.readouterr().out) == document()
    out = tmp_path / "rostock.yaml"
    assert main(["data", "asyncapi", str(SITES[0]), "-o", str(out)]) == 0
    assert yaml.safe_load(out.read_text()) == document(load_site(SITES[0]))
    assert main(["data", "schemas"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == list(schemas().values())
    assert main(["data", "schemas", "-o", str(tmp_path / "schemas")]) == 0
    written = {path.name.removesuffix(".schema.json") for path in (tmp_path / "schemas").iterdir()}
    assert written == set(schemas())
    assert main(["data", "schemas", "-o", str(out)]) == 2
    assert main(["data", "asyncapi", str(tmp_path / "none.yaml")]) == 2
