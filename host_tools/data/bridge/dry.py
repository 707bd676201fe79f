"""A service that is none: requests are printed, and answered as by one that has nothing yet."""

from collections.abc import Callable, Mapping
from typing import Any

from host_tools.data.bridge.http import Answer, Credentials, Http

Show = Callable[[dict[str, Any]], None]


def printing(show: Show) -> Callable[[str, Credentials, dict[str, str]], Http]:
    def connect(url: str, credentials: Credentials, headers: dict[str, str]) -> Http:
        return DryHttp(url, show)

    return connect


class DryHttp(Http):
    def __init__(self, url: str, show: Show) -> None:
        super().__init__(url, Credentials())
        self._show = show
        self._made = 0

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        return Answer(200, {"value": []}, None)

    def send(
        self,
        method: str,
        path: str,
        body: Any,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        query = "".join(f"?{name}={value}" for name, value in (params or {}).items())
        self._show({"method": method, "url": f"{self.url}/{path}{query}", "body": body})
        self._made += 1
        return Answer(201, {"@iot.id": self._made}, None)
