"""Makes the pictures in docs/images, from the demo, in Chromium: `make screenshots`."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.chromium import NARROW, WIDE, chromium
from tests.support.demo_process import demo, is_ready
from tests.support.watching import wait_until

IMAGES = Path(__file__).parents[1] / "docs" / "images"
MAX_BYTES = 300_000

# Which part of the page, and with which settings of the browser.
PICTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "page": ("", {"viewport": WIDE}),
    "page-dark": ("?kind=RayJob", {"viewport": WIDE, "color_scheme": "dark"}),
    "page-narrow": ("?healthy=false", {"viewport": NARROW, "device_scale_factor": 1.5}),
    "page-expanded": ("?kind=RayJob&healthy=false", {"viewport": WIDE}),
}


def take(browser: Browser, name: str, address: str, settings: dict[str, Any]) -> None:
    """Write one picture.

    Raises:
        ValueError: it is larger than MAX_BYTES.
    """
    context = browser.new_context(**settings)
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#connection")).to_contain_text("Connected, up to date", timeout=30_000)
    if name.endswith("expanded"):
        page.locator("td.name > a[aria-expanded]").first.click()
        expect(page.locator("tr.detail")).to_be_visible()
    # Not over a row, which would be highlighted.
    page.mouse.move(0, 0)
    size = len(page.screenshot(path=IMAGES / f"{name}.png"))
    context.close()
    if size > MAX_BYTES:
        raise ValueError(f"{name}.png has {size} bytes, more than {MAX_BYTES}")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with demo("--objects", "120", "--speed", "2", "--cluster-name", "demo") as metrics, chromium() as browser:
        wait_until(lambda: is_ready(metrics), "ready", deadline_seconds=60)
        for name, (query, settings) in PICTURES.items():
            take(browser, name, metrics.removesuffix("metrics") + query, settings)


if __name__ == "__main__":
    main()
