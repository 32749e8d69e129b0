"""The page of an exporter with the simulated cluster."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import NARROW, WIDE
from tests.support.demo_process import demo, get, is_ready
from tests.support.watching import wait_until

OBJECTS = 10_000
ROWS = "#objects > tbody > tr:not(.detail)"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of the page of a demo with many objects, which change."""
    with demo("--objects", str(OBJECTS), "--web-max-requests", "4") as metrics:
        wait_until(lambda: is_ready(metrics), "ready", deadline_seconds=120, every_seconds=0.2)
        yield metrics.removesuffix("metrics")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page that may not report any error."""
    problems: list[str] = []
    context = browser.new_context(viewport=WIDE)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text))
    yield page
    context.close()
    assert problems == []


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#connection")).to_contain_text("Connected, up to date", timeout=60_000)


def test_all_objects_of_a_large_cluster_are_found(page: Page, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The first rows appear without a script; the last page has the last object."""
    get(f"{address}api/v1/objects?limit=1")
    started = time.perf_counter()
    open_page(page, address)
    taken_over = time.perf_counter() - started
    first_row = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    with capsys.disabled():
        measured = f"first row after {first_row:.0f} ms, refreshing after {1000 * taken_over:.0f} ms"
        print(f"\nDemo with {OBJECTS} objects: {measured}")  # noqa: T201 - not asserted, as it depends on the machine
    expect(page.locator(ROWS)).to_have_count(100)
    total = json.loads(get(f"{address}api/v1/objects?limit=1"))["total"]
    assert 0.9 * OBJECTS < total < 1.2 * OBJECTS
    rows = re.fullmatch(r"1 to 100 of ([\d,]+) rows with \d\d?,\d{3} objects", page.locator("#caption").inner_text())
    assert rows is not None
    number = int(rows[1].replace(",", ""))
    open_page(page, f"{address}?sort=name&continue={number - number % 100 - 100}")
    expect(page.locator("#caption")).to_have_text(re.compile(r"^[\d,]+ to [\d,]+ of .* \d\d?,\d{3} objects$"))


NEEDED = {
    "application-failed": "Last log line: RuntimeError",
    "application-unhealthy": "is DEPLOY_FAILED",
    "cluster-not-found": "shared-cluster",
    "crash-loop": "ended with exit code 1",
    "image-pull": "not found",
    "initializing-timeout": "the operator gave up",
    "invalid-spec": "authOptions.mode is 'token'",
    "no-serve-endpoints": "Number of serve endpoints dropped to 0",
    "not-dispatched": "kueue.x-k8s.io/multikueue manages it",
    "out-of-memory": "exceeded its memory limit",
    "quota": "limits.memory=",
    "stuck-deletion": "finalizers: platform.example.com/",
    "submission-failed": "Reason: BackoffLimitExceeded",
    "unschedulable": "insufficient nvidia.com/gpu",
}
"""What a person needs to find the cause of each of the demo's faults."""

# The words of an element that are within its box: not cut off.
VISIBLE_WORDS = """element => {
  const box = element.getBoundingClientRect(), range = document.createRange(), words = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const match of walker.currentNode.data.matchAll(/\\S+/g)) {
      range.setStart(walker.currentNode, match.index);
      range.setEnd(walker.currentNode, match.index + match[0].length);
      if (range.getBoundingClientRect().bottom <= box.bottom + 2) words.push(match[0]);
    }
  }
  return words.join(" ");
}"""


@pytest.mark.parametrize("cause", NEEDED)
def test_the_cause_of_a_fault_is_visible_without_a_click(page: Page, address: str, cause: str) -> None:
    """At a width of 1280 pixels, in the row and as a filter above the table."""
    page.set_viewport_size({"width": 1280, "height": 800})
    open_page(page, f"{address}?cause={cause}&sort=name")
    expect(page.locator("#causes a[aria-current]")).to_be_visible()
    leads = page.locator(f"{ROWS} .sentence")
    # Faults of one cause differ: an image that is not found, and one whose registry does not answer.
    assert any(NEEDED[cause] in lead.evaluate(VISIBLE_WORDS) for lead in leads.all())
    expect(page.locator(f"{ROWS} .severity").first).to_have_text(re.compile("[◆▲●] (Critical|Warning|Info)"))


def test_the_first_screen_of_a_large_cluster_has_its_causes(page: Page, address: str) -> None:
    """No cause is repeated in the rows, all are filters, and the first row is on the screen of a phone, too."""
    page.set_viewport_size({"width": 1280, "height": 800})
    open_page(page, address)
    quota = page.locator("#causes").get_by_role("link", name="Quota exceeded")
    box = quota.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 800
    sentences = [re.sub(r"\d+", "", text) for text in page.locator(f"{ROWS} .sentence").all_inner_texts()[:8]]
    assert len(set(sentences)) == 8
    expect(page.locator(ROWS).get_by_text("more with this cause").first).to_be_visible()
    page.set_viewport_size(NARROW)
    first = page.locator(ROWS).first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] < NARROW["height"]


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "RayService", "RayCronJob"])
def test_every_kind_can_be_expanded_and_is_accessible(page: Page, address: str, kind: str) -> None:
    """The worst object of the kind, wide and narrow."""
    open_page(page, f"{address}?kind={kind}")
    page.locator(f"{ROWS} > td.name > a[aria-expanded]").first.click()
    expect(page.locator("tr.detail")).to_contain_text("kubectl -n")
    for viewport in (WIDE, NARROW):
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        found = Axe().run(page)
        assert found.response["violations"] == [], found.generate_report()


def test_a_running_cluster_is_followed(page: Page, address: str) -> None:
    """The table changes by itself: with so many objects every minute, as a diagnosis takes at most 5 % of the time."""
    open_page(page, f"{address}?kind=RayJob&sort=created")
    first = page.locator(ROWS).first.inner_text()
    expect(page.locator(ROWS).first).not_to_have_text(first, timeout=180_000)
