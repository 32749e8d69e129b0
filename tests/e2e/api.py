"""Requests to an API server, as an administrator or as another user."""

import json
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject

MERGE_PATCH = "application/merge-patch+json"
CONNECTIONS = 8
"""Maximum number of concurrent requests, each on a connection that is reused."""


class ApiError(Exception):
    """There is no answer, or another one than expected."""


class Answer(NamedTuple):
    """The server's answer: `body` is parsed if it is JSON, else it is text."""

    status: int
    body: Any


class Api:
    """One API server and the user of the requests. Any thread may call."""

    def __init__(self, configuration: Configuration) -> None:
        configuration.connection_pool_maxsize = CONNECTIONS
        self.configuration = configuration
        self._pool = RESTClientObject(configuration).pool_manager
        if configuration.verify_ssl:
            # Python 3.13 and later refuse CAs like the one of these tests, which Go accepts.
            context = urllib3.util.create_urllib3_context()
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            self._pool.connection_pool_kw["ssl_context"] = context

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.configuration.host)
        return str(parts.hostname), parts.port or 443

    def request(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **query: str
    ) -> Answer:
        """Send a request and return the answer of any status; wait and repeat it after a 429.

        Raises:
            ApiError: there was no answer.
        """
        while (answer := self.once(method, path, body, content_type=content_type, **query)).status == 429:
            time.sleep(1)
        return answer

    def once(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json", **query: str
    ) -> Answer:
        """Send a request and return the answer of any status; raises as `request` does."""
        url = f"{self.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": content_type}
        if authorization := self.configuration.get_api_key_with_prefix("BearerToken"):
            headers["Authorization"] = authorization
        data = None if body is None else json.dumps(body).encode()
        try:
            answer = self._pool.urlopen(method, url, body=data, headers=headers, retries=False, timeout=60)
        except (urllib3.exceptions.HTTPError, OSError) as exc:
            raise ApiError(f"{method} {path}: {exc}") from exc
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return Answer(answer.status, json.loads(answer.data) if is_json else answer.data.decode())

    def call(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        """Send a request that has to succeed; return the body of the answer."""
        answer = self.request(method, path, body, **more)
        if answer.status >= 300:
            message = answer.body["message"] if isinstance(answer.body, dict) else answer.body
            raise ApiError(f"{method} {path}: {answer.status} {message}")
        return answer.body

    def get(self, path: str, **query: str) -> Answer:
        return self.request("GET", path, **query)

    def as_holder_of(self, token: str) -> "Api":
        """Return the same API server for the user with this token."""
        ours, theirs = self.configuration, Configuration(host=self.configuration.host)
        for name in ("ssl_ca_cert", "verify_ssl", "tls_server_name", "proxy", "no_proxy"):
            setattr(theirs, name, getattr(ours, name))
        theirs.api_key = {"BearerToken": f"Bearer {token}"}
        return Api(theirs)
