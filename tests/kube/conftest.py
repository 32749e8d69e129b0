"""What all tests of `exporter/kube` share."""

import logging
from pathlib import Path

import pytest

from exporter.kube.client import access_loader


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    """Capture debug messages of the exporter, too."""
    caplog.set_level(logging.DEBUG, logger="exporter")


@pytest.fixture
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leads to a cluster but what a test writes."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBECONFIG", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(access_loader, "SERVICE_ACCOUNT", tmp_path / "serviceaccount")
