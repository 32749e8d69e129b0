"""What it takes to reach one API server: its address, what it is trusted by, and who the exporter is there."""

from dataclasses import dataclass, field
from pathlib import Path

from exporter.kube.addresses import Address, parse_address
from exporter.kube.credentials import Credential, Credentials, FileCredentials, FixedCredentials
from exporter.kube.exec_plugin import Plugin, PluginCredentials
from exporter.kube.files import ReadFile
from exporter.kube.headers import Header, bearer


@dataclass(frozen=True)
class Access:
    """One reading of a kubeconfig or of a service account's files. Equal if nothing has changed.

    Attributes:
        authority: PEM text with the CAs that the server is trusted by; None: the system's.
        authority_name: where they stand, for messages.
        token_file: is read for each request, and comes before `token`.
        certificate: PEM text of a client certificate and its key.
        fixed_headers: are sent with every request, beside what proves who sends it.
        has_ignored_credentials: there are some, but the server is not reached over TLS.
        files: what has been read.
    """

    server: Address
    proxy: Address | None = None
    authority: bytes | None = None
    authority_name: str = ""
    is_insecure: bool = False
    tls_server_name: str = ""
    is_compressing: bool = True
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    basic: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    plugin: Plugin | None = None
    fixed_headers: tuple[Header, ...] = ()
    has_ignored_credentials: bool = False
    files: tuple[ReadFile, ...] = field(default=(), compare=False, repr=False)

    def credentials(self) -> Credentials:
        """Return where this access's credentials come from; nothing is run or sent yet."""
        if self.plugin:
            return PluginCredentials(self.plugin)
        if self.token_file:
            return FileCredentials(self.token_file, self.token, self.certificate)
        authorization = bearer(self.token, "the token") if self.token else self.basic
        return FixedCredentials(Credential(authorization, self.certificate))


def anonymous(url: str) -> Access:
    """Return the access to a server that asks for no credentials, past any proxy."""
    return Access(parse_address(url, "server", ("http", "https")))
