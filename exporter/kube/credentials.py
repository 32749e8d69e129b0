"""Who the exporter is at the API server: what is sent with a request, and where it comes from."""

from pathlib import Path
from typing import NamedTuple, Protocol

from exporter.errors import ConfigError, ConnectError
from exporter.kube import headers


class Credential(NamedTuple):
    """What one request needs: an Authorization header's value, a client certificate with its key (PEM), or neither."""

    authorization: str = ""
    certificate: bytes = b""

    def __repr__(self) -> str:
        # Nothing secret, wherever it may be printed.
        return f"Credential(authorization={bool(self.authorization)}, certificate={bool(self.certificate)})"


class Credentials(Protocol):
    """Where credentials come from. Any thread may call."""

    def get(self) -> Credential:
        """Return what to send with the next request.

        Raises:
            ConnectError: there is nothing to send, and a request without it would be another user's.
        """

    def refuse(self, refused: Credential) -> None:
        """Take note that the server has refused these: `get` should find other ones."""


class FixedCredentials:
    """Credentials that a kubeconfig holds, none included. They change when it is read again."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    def get(self) -> Credential:
        return self._credential

    def refuse(self, refused: Credential) -> None:
        """Nothing else is there until the kubeconfig is read again."""


class FileCredentials:
    """A token that is read from its file for every request: it is rotated at any time.

    While the file cannot be read or is empty, the last token is used, as client-go does it; the token of the
    kubeconfig before the first. One that cannot be sent in a header is an error.
    """

    def __init__(self, path: Path, token: str = "", certificate: bytes = b"") -> None:
        self._path = path
        # Written and read by any thread: each sees a whole text.
        self._token = token
        self._certificate = certificate

    def get(self) -> Credential:
        try:
            self._token = read_token(self._path) or self._token
        except OSError as exc:
            if not self._token:
                raise ConnectError(f"couldn't read the token file '{self._path}': {exc.strerror}") from exc
        if not self._token:
            raise ConnectError(f"the token file '{self._path}' is empty")
        try:
            authorization = headers.bearer(self._token, f"the token in '{self._path}'")
        except ConfigError as exc:
            raise ConnectError(str(exc)) from exc
        return Credential(authorization, self._certificate)

    def refuse(self, refused: Credential) -> None:
        """The file is read again anyway."""


def read_token(path: Path) -> str:
    """Return a token file's content; raises OSError."""
    return path.read_bytes().decode("utf-8", "replace").strip()
