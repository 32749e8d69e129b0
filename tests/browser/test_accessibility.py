"""The page as axe-core checks it: contrast, names, roles, order of headings."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.chromium import NARROW
from tests.browser.conftest import Visit
from tests.browser.scene import scene


@pytest.mark.parametrize(
    ("address", "settings"),
    [
        ("", {}),
        ("?open=RayJob/ml/train-llm&open=RayService/ml/chat", {}),
        ("?open=RayJob/ml/train-llm&open=RayService/ml/chat", {"color_scheme": "dark"}),
        ("?open=RayJob/ml/train-llm", {"viewport": NARROW}),
        ("?open=RayJob/ml/train-llm", {"viewport": NARROW, "color_scheme": "dark"}),
        ("?kind=RayCronJob&sort=name", {"color_scheme": "dark"}),
        ("?q=none", {}),
        ("", {"forced_colors": "active"}),
    ],
    ids=["wide", "expanded", "dark", "narrow", "narrow dark", "sorted", "empty", "forced colours"],
)
def test_axe_finds_nothing(visit: Visit, address: str, settings: dict[str, Any]) -> None:
    """Of all its rules, best practices included."""
    page = visit(scene(), address, **settings)
    if "open" in address:
        expect(page.locator("tr.detail").first).to_contain_text("FailedToCreateWorkerPod")
    found = Axe().run(page)
    assert found.response["violations"] == [], found.generate_report()
