"""Tokens and keys, verified by three strangers: PyJWT, joserfc, and HMAC by hand."""

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey

from host_tools.cli import main
from host_tools.site.load import load_site
from host_tools.site.resolve import device_secrets
from host_tools.site.secrets import load_or_create
from tests.host.helpers import ROSTOCK, STRALSUND

SITE = "hafensport-rostock"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPORTBOX_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out.strip()


def grant(capsys: pytest.CaptureFixture[str], *more: str) -> str:
    return run(capsys, "grant", str(ROSTOCK), "box-1", "lock-2", *more)


def key(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(run(capsys, "key", str(ROSTOCK), "box-1", *more))
    return found


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(decode(token.split(".")[1]))
    return found


def test_claims_are_those_of_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    before = int(time.time())
    token = grant(capsys)
    header, claims = json.loads(decode(token.split(".")[0])), claims_of(token)
    assert header == {"alg": "HS256", "typ": "JWT", "kid": "booking-1"}
    assert before <= claims["iat"] <= time.time()
    assert claims == {
        "iss": f"sportbox:{SITE}",
        "aud": f"{SITE}/box-1",
        "sub": "cli",
        "jti": claims["jti"],
        "iat": claims["iat"],
        "nbf": claims["iat"],
        "exp": claims["iat"] + 900,
        "act": "unlock",
        "cmp": "lock-2",
    }
    assert all(isinstance(claims[name], int) for name in ("iat", "nbf", "exp"))
    assert len(claims["jti"]) == 32
    assert claims_of(grant(capsys))["jti"] != claims["jti"]


def test_verified_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    token = grant(capsys)
    signed, _, signature = token.rpartition(".")
    secret = decode(key(capsys)["k"])
    assert len(secret) == 32
    assert hmac.new(secret, signed.encode(), hashlib.sha256).digest() == decode(signature)


def test_verified_by_pyjwt(capsys: pytest.CaptureFixture[str]) -> None:
    jwk = key(capsys)
    claims = pyjwt.decode(
        grant(capsys),
        pyjwt.PyJWK(jwk).key,
        algorithms=["HS256"],
        audience=f"{SITE}/box-1",
        issuer=f"sportbox:{SITE}",
    )
    assert claims["cmp"] == "lock-2"


def test_verified_by_joserfc(capsys: pytest.CaptureFixture[str]) -> None:
    found = joserfc_jwt.decode(grant(capsys), OctKey.import_key(dict(key(capsys))), algorithms=["HS256"])
    assert found.claims["act"] == "unlock"
    assert found.header["kid"] == "booking-1"


def test_the_key_is_the_one_on_the_board(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    for role in ("booking", "ops"):
        jwk = key(capsys, "--role", role)
        assert {name: value for name, value in jwk.items() if name != "k"} == {
            "kty": "oct",
            "kid": f"{role}-1",
            "alg": "HS256",
        }
        site = load_site(ROSTOCK)
        on_board = device_secrets(site, "box-1", load_or_create(state, site.site))["keys"][f"{role}-1"]
        assert decode(jwk["k"]).hex() == on_board["k"]


def test_an_ops_token(capsys: pytest.CaptureFixture[str]) -> None:
    token = grant(
        capsys,
        "--key",
        "ops",
        "--act",
        "lock",
        "--arg",
        "seconds=5",
        "--arg",
        "why=test",
        "--arg",
        "dry=true",
    )
    claims = claims_of(token)
    assert json.loads(decode(token.split(".")[0]))["kid"] == "ops-1"
    assert claims["act"] == "lock"
    assert claims["args"] == {"seconds": 5, "why": "test", "dry": True}


BUNDLE = ["--arg", f"sha256={'0a' * 32}", "--arg", "size=90000", "--arg", "version=0.2.0"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["court-1", "device", "--act", "configure", "--arg", "reset=replay_log"], ""),
        (["court-1", "device", "--act", "configure", "--arg", "reset=all"], "--arg reset=replay_log or"),
        (["court-1", "device", "--act", "configure"], "--arg reset=replay_log or --arg reset=clock"),
        (["box-1", "gate-1", "--act", "configure", "--arg", "count=7"], ""),
        (["box-1", "gate-1", "--act", "configure", "--arg", "count=10000"], "--arg count=7, of a gate"),
        (["box-1", "gate-1", "--act", "configure", "--arg", "cuont=7"], "--arg count=7, of a gate"),
        (["box-1", "lock-1", "--act", "lock"], ""),
        (["box-1", "lock-1", "--act", "lock", "--arg", "override=contact"], ""),
        (["box-1", "lock-1", "--act", "lock", "--arg", "override=door"], "--arg override=contact"),
        (["box-1", "lock-1", "--arg", "seconds=5"], "`unlock` for `lock-1`: none"),
        (["box-1", "device", "--act", "log", "--arg", "level=debug"], ""),
        (["box-1", "device", "--act", "update", "--arg", "abort=true"], ""),
        (["box-1", "device", "--act", "update", *BUNDLE], ""),
        (["box-1", "device", "--act", "update", *BUNDLE, "--arg", "allow_downgrade=true"], ""),
        (["box-1", "device", "--act", "update", *BUNDLE, "--arg", "allow_downgrade=1"], "of a bundle"),
        (["box-1", "device", "--act", "update", *BUNDLE[:4]], "--arg sha256=..., size=... and version=..."),
        (["box-1", "device", "--act", "log", "--arg", "level=loud"], "--arg level=debug, info"),
    ],
)
def test_arguments_that_no_board_knows_are_told(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert main(["grant", str(ROSTOCK), *words, "--key", "ops"]) == 0
    err = capsys.readouterr().err
    assert told in err
    assert ("boards know other arguments" in err) is bool(told)


def test_life_and_start(capsys: pytest.CaptureFixture[str]) -> None:
    claims = claims_of(
        grant(capsys, "--valid", "2h", "--not-before", "30m", "--sub", "b-17", "--nonce", "a1b2")
    )
    assert claims["nbf"] == claims["iat"] + 1800
    assert claims["exp"] == claims["nbf"] + 7200
    assert (claims["sub"], claims["nonce"]) == ("b-17", "a1b2")
    whole_day = claims_of(grant(capsys, "--valid", "24h"))
    assert whole_day["exp"] - whole_day["iat"] == 86_400


def test_an_order_for_the_whole_board(capsys: pytest.CaptureFixture[str]) -> None:
    token = run(capsys, "grant", str(ROSTOCK), "court-1", "device", "--act", "reboot", "--key", "ops")
    assert (claims_of(token)["cmp"], claims_of(token)["act"]) == ("device", "reboot")


def test_a_token_goes_to_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["grant", str(ROSTOCK), "box-1", "lock-2"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    assert captured.out.count(".") == 2
    assert "made a new master secret" in captured.err  # the first use says so
    assert "boards that have another one refuse" in captured.err


REFUSED: list[tuple[list[str], str, str]] = [
    (["box-9", "lock-1"], "no board `box-9`", "box-1"),
    (["box-1", "lock-4"], "no component `lock-4`", "lock-3"),
    (["box-1", "look-2"], "did you mean `lock-2`", "lock-2"),
    (["box-1", "\x1b[2J"], "\\x1b[2J", "lock-1"),
    (["box-1", "door-1"], "is no lock", "lock-1, lock-2, lock-3"),
    (["court-1", "court-1"], "is no lock", "no locks"),
    (["box-1", "lock-1", "--act", "lock"], "may only unlock", "--key ops"),
    (["box-1", "lock-1", "--act", "unlok", "--key", "ops"], "did you mean `unlock`", "--act"),
    (["box-1", "lock-1", "--key", "root"], "root", "--help"),
    (["box-1", "lock-1", "--valid", "25h"], "24 h", "--valid"),
    (["box-1", "lock-1", "--not-before", "367d"], "at most 366d", ""),
    (["box-1", "device"], "no component `device`", "lock-1"),
    (["box-1", "lock-1", "--valid", "0"], "at least 1s", ""),
    (["box-1", "lock-1", "--valid", "soon"], "`soon` is no duration", "15m"),
    (["box-1", "lock-1", "--valid", "-5m"], "", ""),
    (["box-1", "lock-1", "--valid", "1.5h"], "is no duration", ""),
    (["box-1", "lock-1", "--sub", ""], "--sub must be 1 to 64", ""),
    (["box-1", "lock-1", "--sub", "x" * 65], "--sub must be 1 to 64", ""),
    (["box-1", "lock-1", "--sub", "a\nb"], "--sub must be", ""),
    (["box-1", "lock-1", "--nonce", ""], "--nonce must be", ""),
    (["box-1", "lock-1", "--arg", "x"], "is not K=V", "--arg"),
    (["box-1", "lock-1", "--arg", "x=1", "--arg", "x=2"], "given twice", ""),
    (["box-1", "lock-1", "--arg", f"x={'y' * 2000}"], "the board takes at most", "--arg"),
    (["box-1"], "Missing argument", "sportbox grant --help"),
]


@pytest.mark.parametrize(("words", "message", "hint"), REFUSED)
def test_refused(capsys: pytest.CaptureFixture[str], words: list[str], message: str, hint: str) -> None:
    assert main(["grant", str(ROSTOCK), *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\x1b" not in captured.err
    assert "Traceback" not in captured.err
    lines = [line for line in captured.err.splitlines() if not line.startswith("note: ")]
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert hint in "\n".join(lines[1:])


def test_the_state_of_another_site_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", str(ROSTOCK), "box-1"]) == 0
    capsys.readouterr()
    for command in (["key", str(STRALSUND), "box-1"], ["grant", str(STRALSUND), "box-1", "lock-1"]):
        assert main(command) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "belongs to site `hafensport-rostock`" in captured.err


def test_errors_show_no_secret(capsys: pytest.CaptureFixture[str], state: Path) -> None:
    master = load_or_create(state, SITE)
    (state / "secrets.json").write_text((state / "secrets.json").read_text()[:-9])
    assert main(["key", str(ROSTOCK), "box-1"]) == 2
    err = capsys.readouterr().err
    assert base64.urlsafe_b64encode(master).decode()[:12] not in err
    assert master.hex()[:12] not in err
