"""What all tests share."""

import os
from pathlib import Path

import hypothesis
import pytest

from exporter.resources import pod_request
from tests.support.certificates import Certificates, make_certificates

# Tests run where other work runs too: a slow example is not a wrong one. The same examples each time,
# so that a failure is the change's; `make soak` looks for new ones.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.register_profile("soak", deadline=None, derandomize=False, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _names_of_extended_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process has a maximum number of them, which other tests must not use up."""
    monkeypatch.setattr(pod_request, "_namespaces", {})


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)
