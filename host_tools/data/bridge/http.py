"""Requests to a city's platform, and what an answer means for what was sent.

Three things can go wrong. `Later`: nobody answers, or says that it cannot now; the same again, after a while.
`Refused`: we are not let in or the address is wrong; nothing that we send is at fault, so everything waits
for a person. `Bad`: this very message is not taken; it is put aside, and the others go on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from host_tools.output import printable
from host_tools.words.system import without_numbers

TIMEOUT_S = 30.0
ANSWER_MAX = 1_048_576
REASON_MAX = 300
RETRY_AFTER_MAX_S = 300
BAD = (400, 409, 413, 422)
"""Statuses that speak of the message. 404 does where it is about what the message belongs to."""
BUSY = (408, 425, 429)
HINTS = {
    401: "is the secret the right one? sportbox vault set-secret",
    403: "the platform's rights for this user or token",
    404: "is `url` in the site file the right one?",
}


class Later(Exception):
    """`after_s`: how long the platform wants us to wait, if it says so; `status`: what it said."""

    def __init__(self, message: str, after_s: float | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.status = status


class Refused(Exception):
    pass


class Bad(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any  # None where there is none, or no JSON
    location: str | None


@dataclass(frozen=True)
class Credentials:
    """Basic with a user, else a bearer token; nothing without a secret."""

    user: str | None = None
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.user!r})"


class Http:
    """One kept connection to one service. For one thread."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        import httpx2  # here, for it takes its time

        self.url = url.rstrip("/")
        self._secret = credentials.secret
        sent = dict(headers or {})
        auth = None
        if credentials.user is not None and credentials.secret is not None:
            auth = httpx2.BasicAuth(credentials.user, credentials.secret)
        elif credentials.secret is not None:
            sent["Authorization"] = f"Bearer {credentials.secret}"
        # No redirects: the secret is for this address alone.
        self._client = httpx2.Client(headers=sent, auth=auth, timeout=timeout_s, follow_redirects=False)

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return self._ask("GET", path, None, params, "application/json")

    def send(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        return self._ask(method, path, body, params, content_type)

    def _ask(
        self, method: str, path: str, body: Any, params: Mapping[str, str] | None, content_type: str
    ) -> Answer:
        import httpx2

        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if content is not None:
            headers["Content-Type"] = content_type
        try:
            with self._client.stream(
                method, f"{self.url}/{path}", content=content, params=params, headers=headers
            ) as found:
                text = bytearray()
                for part in found.iter_bytes():
                    text += part
                    if len(text) > ANSWER_MAX:
                        raise Later(f"{self.url} answers with more than {ANSWER_MAX} bytes")
                return self._judge(found.status_code, bytes(text), found.headers)
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            told = without_numbers(str(error))
            raise Later(f"{self.url}: {self._clean(told) or type(error).__name__}") from error

    def _judge(self, status: int, content: bytes, headers: Mapping[str, str]) -> Answer:
        if 200 <= status < 300:
            return Answer(status, _json(content), headers.get("location"))
        reason = self._clean(content.decode("utf-8", "replace"))
        if status >= 500 or status in BUSY:
            raise Later(f"{self.url} says {status} {reason}", _after_s(headers.get("retry-after")), status)
        if status in BAD:
            raise Bad(status, reason)
        if status == 404:
            raise Missing(f"{self.url} says 404 {reason}")
        hint = f" ({HINTS[status]})" if status in HINTS else ""
        raise Refused(f"{self.url} says {status} {reason}{hint}")

    def _clean(self, text: str) -> str:
        """What came from elsewhere, on one line; a platform that quotes our secret does not spread it."""
        if self._secret:
            text = text.replace(self._secret, "***")
        return printable(" ".join(text.split()))[:REASON_MAX]


class Missing(Refused):
    """404: not there, or never was."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message} ({HINTS[404]})")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None


def _after_s(text: str | None) -> float | None:
    """`Retry-After` in seconds; as a date it is not looked at."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    return float(min(int(text[:6]), RETRY_AFTER_MAX_S))
