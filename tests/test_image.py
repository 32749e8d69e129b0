"""The image: what is in it is enough, and what it says of itself is so."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name as canonical

from exporter import __version__
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.commands import COMMAND, environment
from tests.support.helm_chart import ROOT
from tests.support.processes import serving
from tests.support.reaching import SERVED, kubeconfig
from tests.support.reviewing import PROMETHEUS, ReviewServer

DOCKERFILE = (ROOT / "Dockerfile").read_text()

PROGRAM = [sys.executable, "-S", *COMMAND[1:]]
"""Without the packages of the development."""


def build_argument(name: str) -> list[str]:
    """Return the words of an ARG of the Dockerfile."""
    match = re.search(rf'^ARG {name}="?(.+?)"?$', DOCKERFILE, re.MULTILINE)
    assert match
    return match[1].split()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image's folders with code and packages, pruned as in the Dockerfile, as PYTHONPATH has them."""
    code, packages = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("packages")
    (code / "exporter").symlink_to(ROOT / "exporter")
    lock = (ROOT / "requirements.lock").read_text()
    locked = {canonical(name) for name in re.findall(r"^([\w.-]+)(?:\[.+\])?==", lock, re.MULTILINE)}
    for distribution in metadata.distributions():
        if canonical(distribution.name) in locked:
            for file in distribution.files or ():
                if ".." not in file.parts and file.suffix != ".pyc":
                    (packages / file).parent.mkdir(parents=True, exist_ok=True)
                    (packages / file).symlink_to(Path(str(distribution.locate_file(file))))
    subprocess.run([sys.executable, "-S", "-B", ROOT / "tools" / "prune.py", packages, code], check=True, timeout=120)
    return f"{code}:{packages}"


@pytest.fixture
def image(folders: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python finds only what is in the image."""
    monkeypatch.setenv("PYTHONPATH", folders)


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-S", *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120)


@pytest.mark.usefixtures("image")
def test_what_is_not_needed_is_not_in_it() -> None:
    """Or the next tests would say nothing."""
    modules = ("cryptography", "aiohttp", "kubernetes.aio.client", "kubernetes.client.models.v1_pod")
    program = "import sys\nfor name in sys.argv[1:]:\n  try: __import__(name)\n  except ImportError: print(name)"
    assert tuple(run("-c", program, *modules).stdout.split()) == modules


@pytest.mark.usefixtures("image")
def test_starts_with_what_is_in_it() -> None:
    """As far as the way to a cluster."""
    assert run(*COMMAND[1:], "--version").stdout == f"kuberay-exporter, version {__version__}\n"
    assert "no way to a cluster" in run(*COMMAND[1:], "serve").stderr


@pytest.mark.usefixtures("image")
def test_reviews_tokens_with_what_is_in_it(tmp_path: Path) -> None:
    """The client loads the types of its answers by their names."""
    with ReviewServer(ObjectStore(), ssl_context=SERVED.server_context()) as server:
        server.users["right"] = PROMETHEUS
        server.allowed.add((PROMETHEUS, "/metrics"))
        config = Path(kubeconfig(tmp_path / "kubeconfig", server.url, {"token": "t"}))
        with serving(config, "--metrics-auth", "kubernetes", program=PROGRAM) as process:
            process.wait_until_ready()
            for token, status in (("right", 200), ("wrong", 401)):
                assert process.get("/metrics", Authorization=f"Bearer {token}").status == status
            server.answer_next(403, b"{}", verb="", times=None)
            assert process.get("/metrics", Authorization="Bearer unknown").status == 500


def test_says_the_version_that_is_in_it() -> None:
    """The label of the image."""
    assert build_argument("VERSION") == [__version__]


def test_the_context_is_what_the_dockerfile_copies() -> None:
    """Nothing else gets near the image, whatever lies in the folder."""
    allowed = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    assert allowed == {source for sources in copied for source in sources.split()}
