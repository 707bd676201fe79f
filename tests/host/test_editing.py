"""The key version in a site file: that one number changes, and nothing else of what people wrote."""

import difflib
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.errors import BadInput, ToolError
from host_tools.site import editing, yamlfile
from host_tools.site.editing import raise_key_version, with_key_version
from host_tools.site.load import load_site, site_of
from tests.host.helpers import SITES

HEAD = "version: 1\nsite: a\n"
WHERE = Path("x.yaml")


def changed(text: str, version: int = 7, device: str = "box-1") -> str:
    return with_key_version(WHERE, text.encode(), device, version).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    key_version: 3   # since May\n", "    key_version: 7   # since May\n"),
        ("    'key_version'  :  3\n", "    'key_version'  :  7\n"),
        ("    ? key_version\n    : 3\n", "    ? key_version\n    : 7\n"),
    ],
)
def test_a_version_that_is_there(before: str, after: str) -> None:
    text = HEAD + "devices:\n  box-1:\n    board: b\n%s    components: {lock-1: , door-1: }\n"
    assert changed(text % before) == text % after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "  box-1:\n    board: b # ours\n    # parts\n",
            "  box-1:\n    board: b # ours\n    key_version: 7\n    # parts\n",
        ),
        (
            "  box-1:\n      title: x\n      board: b\n",
            "  box-1:\n      title: x\n      board: b\n      key_version: 7\n",
        ),
        ("  box-1:\n    board: >-\n      b\n", "  box-1:\n    key_version: 7\n    board: >-\n      b\n"),
        ("  box-1:\n    'board': 'b'\n", "  box-1:\n    'board': 'b'\n    'key_version': 7\n"),
        ("  box-1:   {board: b", "  box-1:   {board: b, key_version: 7"),
        ('  box-1: {"board" : "b"', '  box-1: {"board" : "b", "key_version": 7'),
        (
            "  box-1: {  # odd\n    board: b  # ours\n    ",
            "  box-1: {  # odd\n    board: b, key_version: 7  # ours\n    ",
        ),
    ],
)
def test_a_version_that_is_not_there(before: str, after: str) -> None:
    flow = "{" in before
    rest = ", components: {lock-1: , door-1: }}\n" if flow else "X components: {lock-1: , door-1: }\n"
    indent = "     " if "      title" in before else "   "
    text = HEAD + "devices:\n%s" + rest.replace("X", indent)
    assert changed(text % before) == text % after


def test_the_samples(tmp_path: Path) -> None:
    for sample in SITES.glob("*.yaml"):
        for name in load_site(sample).devices:
            path = tmp_path / sample.name
            path.write_bytes(sample.read_bytes())
            path.chmod(0o640)
            assert raise_key_version(path, name, 2)
            assert not raise_key_version(path, name, 2)
            old, new = sample.read_text().splitlines(), path.read_text().splitlines()
            difference = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
            assert difference == ["+     key_version: 2"]
            assert load_site(path).devices[name].key_version == 2
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
            assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_it_is_never_lowered_and_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(next(SITES.glob("s*.yaml")).read_bytes())
    raise_key_version(path, "box-1", 9)
    assert not raise_key_version(path, "box-1", 8)
    assert load_site(path).devices["box-1"].key_version == 9
    with pytest.raises(BadInput, match="end at 9999"):
        raise_key_version(path, "box-1", 10_000)
    with pytest.raises(BadInput, match="no board `box-7`"):
        raise_key_version(path, "box-7", 2)


def test_what_cannot_be_done_safely_is_left_to_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(next(SITES.glob("s*.yaml")).read_bytes())
    before = path.read_bytes()
    broken = [(0, 0, "devices: {}\n"), (0, 0, "\t"), (before.index(b"127"), 0, "1")]
    monkeypatch.setattr(editing, "_candidates", lambda *_: iter(broken))
    with pytest.raises(BadInput, match=r"x\.yaml:14: `key_version` of `box-1`") as caught:
        raise_key_version(path, "box-1", 2)
    assert "by hand" in str(caught.value.hint)
    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(next(SITES.glob("s*.yaml")).read_bytes())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(editing, "replace_file", full)
    with pytest.raises(ToolError, match="the disk is full"):
        raise_key_version(path, "box-1", 2)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


@st.composite
def device_text(draw: st.DrawFn, name: str, indent: int, step: int) -> str:
    """A device as people write one: fields in any order, quoted or not, block or flow, with comments."""
    quote = draw(st.sampled_from(["", '"', "'"]))
    title = draw(WORDS).replace("\\", "/").replace('"', "''").replace("'", "''")
    fields = [
        ("board", f"{quote}box-esp32s3{quote}"),
        ("components", draw(st.sampled_from(["{lock-1: , door-1: {}}", '{"door-1": {title: "a, b # c"}}']))),
    ]
    if draw(st.booleans()):
        fields.append(("title", f"'{title}'"))
    if draw(st.booleans()):
        fields.append(("key_version", draw(st.sampled_from(["1", "3", "+4", "05"]))))
    fields = draw(st.permutations(fields))
    pairs = [f"{quote}{key}{quote}: {value}" for key, value in fields]
    pad, inner = " " * indent, " " * (indent + step)
    if draw(st.booleans()):
        gap = draw(st.sampled_from([" ", "", f"  # {title}\n{inner}", f"\n{inner}"]))
        return (
            f"{pad}{name}: {{{gap}"
            + (f",{gap or ' '}").join(pairs)
            + draw(st.sampled_from(["}\n", " }  # end\n"]))
        )
    lines = [f"{inner}{pair}{draw(st.sampled_from(['', '   # why', '  ']))}\n" for pair in pairs]
    between = draw(st.sampled_from(["", "\n", f"{inner}# {title}\n", "# far left\n"]))
    return f"{pad}{name}:{draw(st.sampled_from(['', ' ', ' # box']))}\n{between}" + between.join(lines)


@st.composite
def site_text(draw: st.DrawFn) -> tuple[str, list[str]]:
    names = draw(
        st.lists(
            st.sampled_from(["box-1", "box-2", "7", "court-1", "-"]), min_size=1, max_size=4, unique=True
        )
    )
    step = draw(st.integers(1, 4))
    quoted = {name: f"'{name}'" if name in "7-" or draw(st.booleans()) else name for name in names}
    devices = "".join(draw(device_text(quoted[name], step, draw(st.integers(1, 4)))) for name in names)
    head = draw(
        st.permutations(["version: 1\n", "site: a\n", "title: key_version\n", f"devices: # all\n{devices}"])
    )
    text = draw(st.sampled_from(["", "# key_version: 3\n", "---\n"])) + "".join(head)
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace(
        "\n", draw(st.sampled_from(["\n", "\r\n"]))
    ), names


@settings(max_examples=150, deadline=None)
@given(site_text(), st.data())
def test_any_site_file(made: tuple[str, list[str]], data: st.DataObject) -> None:
    text, names = made
    device = data.draw(st.sampled_from(names))
    before = yamlfile.parse(text.encode()).data
    site_of(before)
    result = changed(text, 77, device)
    after = yamlfile.parse(result.encode()).data
    assert after["devices"][device].pop("key_version") == 77
    before["devices"][device].pop("key_version", None)
    assert after == before
    old, new = text.splitlines(keepends=True), result.splitlines(keepends=True)
    difference = [line for line in difflib.ndiff(old, new) if line[0] in "+-"]
    assert 1 <= len(difference) <= 4, difference
    assert result.count("#") == text.count("#")
    assert ("\r\n" in result) == ("\r\n" in text) or "\n" not in text
    assert result.count("\n") - text.count("\n") in (0, 1)
