"""Where a secret of a person comes from: a file, the environment, or the terminal; never the command line.

In error texts, logs and `repr` there is only where it came from.
"""

import getpass
import os
import stat
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host_tools.errors import BadInput
from host_tools.output import printable, say
from host_tools.words import tr
from host_tools.words.system import reason

PASSPHRASE_VARIABLE = "SPORTBOX_PASSPHRASE"
WIFI_VARIABLE = "SPORTBOX_WIFI_PASSWORD"
LENGTH_MIN = 12
FILE_MAX_BYTES = 1_024
TRIES = 3
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Source:
    """Where one secret is found: `file`, else the `variable`, else the terminal."""

    file: Path | None = None
    variable: str = PASSPHRASE_VARIABLE
    option: str = "--passphrase-file"

    @property
    def asks(self) -> bool:
        """Whether a person types it, who may try again."""
        return self.file is None and not os.environ.get(self.variable)

    def known(self, prompt: str) -> str:
        """A secret that exists."""
        return self._given() or ask(prompt, self)

    def new(self, prompt: str, check: Callable[[str], str | None]) -> str:
        """A new one, typed twice; `check` says what is wrong with it. Raises BadInput if none comes."""
        given = self._given()
        if given is not None:
            wrong = check(given)
            if wrong:
                raise BadInput(wrong)
            return given
        for _ in range(TRIES):
            first = ask(prompt, self)
            wrong = check(first)
            if wrong is None and ask(tr("The same again: "), self) != first:
                wrong = tr("the two were not the same")
            if wrong is None:
                return first
            say(wrong)
        raise BadInput(tr("nothing was set, after {count} tries", count=TRIES))

    def _given(self) -> str | None:
        if self.file is not None:
            return read_secret(self.file, self.option)
        value = os.environ.get(self.variable)
        return normal(value) if value else None


def passphrase_source(file: Path | None = None) -> Source:
    return Source(file)


def wifi_source(file: Path | None = None, secret: str | None = None) -> Source:
    """`secret`: the name of the password, where a site has several."""
    own = "" if secret is None else "_" + secret.upper().replace("-", "_")
    return Source(file, WIFI_VARIABLE + own, "--password-file")


def too_short(passphrase: str) -> str | None:
    """What is wrong with a new passphrase."""
    if len(passphrase) >= LENGTH_MIN:
        return None
    return tr(
        "a passphrase has at least {count} characters; four or five random words do well", count=LENGTH_MIN
    )


def normal(text: str) -> str:
    """The same bytes from every keyboard: an umlaut is one character, not two (Unicode NFC)."""
    return unicodedata.normalize("NFC", text)


def read_secret(path: Path, option: str) -> str:
    """The first and only line of a file that is for its owner alone; BadInput otherwise."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & OTHERS:
                raise BadInput(
                    tr(
                        "{option}: {path} is readable by others (mode {mode})",
                        option=option,
                        path=path,
                        mode=f"{mode:04o}",
                    ),
                    f"chmod 600 {path}",
                )
            content = file.read(FILE_MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(
            tr("{option}: cannot read {path}: {why}", option=option, path=path, why=reason(error))
        ) from error
    try:
        text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > FILE_MAX_BYTES or printable(text) != text:
        raise BadInput(
            tr(
                "{option}: {path} must hold one line of text, at most {count} bytes",
                option=option,
                path=path,
                count=FILE_MAX_BYTES,
            )
        ) from None
    return normal(text)


def ask(prompt: str, source: Source) -> str:
    """Typed at the terminal, unseen. BadInput when there is none, as in CI."""
    cure = tr(
        "give it in a file with {option} F, or in ${variable}",
        option=source.option,
        variable=source.variable,
    )
    if not has_terminal():
        raise BadInput(tr("a secret is needed, and there is no terminal to ask at"), cure)
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return normal(getpass.getpass(prompt))
        except (EOFError, getpass.GetPassWarning) as error:
            raise BadInput(tr("nothing was typed"), cure) from error


def has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
