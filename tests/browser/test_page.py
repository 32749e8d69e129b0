"""The page with made-up objects: the table, filters, refreshes, the keyboard, hostile texts, without JavaScript."""

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import NARROW
from tests.browser.conftest import Visit
from tests.browser.scene import HOSTILE, hostile, scene
from tests.support.objects_api import MadeUpApi, made, many

ROWS = "#objects > tbody > tr:not(.detail)"
PANEL = "#objects > tbody > tr.detail"


def refresh(page: Page) -> None:
    """Ask for the data now, as when the tab becomes visible, and wait until it is shown."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def names(page: Page) -> list[str]:
    texts: list[str] = page.locator(f"{ROWS} > td.name > button").all_inner_texts()
    return texts


def test_the_worst_objects_are_first_and_explained(visit: Visit) -> None:
    """With figures of the fleet above."""
    page = visit(scene())
    assert names(page)[:3] == ["train-llm", "train-llm-x7k2p", "chat"]
    expect(page.locator(ROWS).first).to_contain_text("waits for 4 of 8 workers")
    expect(page.locator("#figures")).to_contain_text("GPUs ready")
    expect(page.locator("#ended-jobs svg")).to_have_attribute("aria-label", re.compile("36 complete, 9 failed"))


def test_an_expanded_row_shows_everything(visit: Visit) -> None:
    """Findings with evidence, stages, conditions, pods, Events, details, links."""
    page = visit(scene())
    page.get_by_role("button", name="train-llm", exact=True).click()
    panel = page.locator(PANEL)
    for text in [
        "Add nodes with",
        "PodScheduled",
        "HeadPodReady",
        "train-llm-x7k2p-worker-11",
        "FailedToCreateWorkerPod",
    ]:
        expect(panel).to_contain_text(text)
    addresses = panel.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert "https://grafana.example.com/d/kuberay?var-namespace=ml&var-cluster=train-llm-x7k2p" in addresses
    assert "https://example.com/runbooks#rayclusterprovisioningstuck" in addresses
    page.get_by_role("link", name="RayCluster train-llm-x7k2p").click()
    expect(page.locator(PANEL)).to_contain_text("512 GiB")


def test_the_address_says_what_is_shown(visit: Visit) -> None:
    """Filters, order and expanded rows: in another browser it shows the same."""
    api = scene()
    page = visit(api)
    page.locator("#kinds").get_by_role("link", name=re.compile("^Jobs")).click()
    page.get_by_role("searchbox", name="Name").fill("eval-03")
    page.get_by_label("State").select_option("Running")
    page.get_by_role("columnheader", name="Name", exact=True).get_by_role("link").click()
    expect(page.locator(ROWS)).to_have_count(5)
    page.get_by_role("button", name="eval-034").click()
    query = page.url.partition("?")[2]
    other = visit(api, f"?{query}")
    assert names(other) == names(page) == ["eval-030", "eval-032", "eval-034", "eval-036", "eval-038"]
    expect(other.get_by_role("button", name="eval-034")).to_have_attribute("aria-expanded", "true")
    expect(other.get_by_role("columnheader", name="Name", exact=True)).to_have_attribute("aria-sort", "ascending")
    assert other.get_by_role("searchbox", name="Name").input_value() == "eval-03"
    page.go_back()
    expect(page.get_by_role("columnheader", name="Findings")).to_have_attribute("aria-sort", "descending")


def test_a_refresh_keeps_scroll_focus_expansion_and_input(visit: Visit) -> None:
    """While objects change, appear and are deleted."""
    api = scene()
    page = visit(api)
    button = page.get_by_role("button", name="eval-030")
    button.click()
    expect(page.locator(PANEL)).to_contain_text("Stages")
    page.get_by_label("Namespace").evaluate("input => { input.value = 'typ' }")
    button.evaluate("button => { window.before = button }")
    button.scroll_into_view_if_needed()
    scroll = page.evaluate("scrollY")
    assert scroll > 0
    changed = next(obj for obj in api.objects if obj["name"] == "eval-030")
    changed["state"] = "Failed"
    api.objects[:] = [obj for obj in api.objects if obj["name"] != "eval-038"]
    refresh(page)
    expect(page.locator(ROWS).filter(has=button)).to_contain_text("Failed")
    expect(page.get_by_role("button", name="eval-038")).to_have_count(0)
    assert page.evaluate("scrollY") == scroll
    assert page.evaluate("document.activeElement === window.before && window.before.isConnected")
    assert page.locator(PANEL).count() == 1


def test_a_row_that_moves_keeps_the_focus(visit: Visit) -> None:
    """It becomes the worst one."""
    api = scene()
    page = visit(api)
    page.get_by_role("button", name="eval-030").focus()
    worst = next(obj for obj in api.objects if obj["name"] == "eval-030")
    worst |= made("RayJob", "eval-030", "Failed", {"sentence": "It failed.", "severity": "critical"})
    api.objects.sort(key=lambda obj: obj["name"] != "eval-030")
    refresh(page)
    expect(page.locator(ROWS).first).to_contain_text("It failed.")
    assert page.evaluate("document.activeElement.textContent") == "eval-030"


def test_it_refreshes_itself_and_unchanged_answers_are_304(visit: Visit) -> None:
    """Without anybody doing anything."""
    api = MadeUpApi([made("RayJob", "one", "Running")])
    page = visit(api)
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    api.objects[0]["state"] = "Complete"
    expect(page.locator(ROWS)).to_contain_text("Complete")
    assert api.requests[304] >= 1


def test_an_outage_is_said_and_the_table_stays(visit: Visit) -> None:
    """Until the exporter answers again."""
    api = scene()
    page = visit(api)
    api.error = (503, "not listed yet: rayjobs")
    refresh(page)
    expect(page.locator("#connection")).to_contain_text("not listed yet: rayjobs, the table is")
    assert len(names(page)) == len(api.objects)
    api.error, api.missing = None, "rayservices: refused"
    refresh(page)
    expect(page.locator("#connection")).to_have_text("Up to date, without rayservices: refused")
    expect(page.locator("#message")).to_be_empty()


def test_only_the_keyboard(visit: Visit) -> None:
    """Skip link, tab order, Enter and Space; what has the focus is visible."""
    page = visit(scene())
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    stops: list[str] = []
    while "train-llm" not in stops:
        assert len(stops) < 10
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.textContent"))
    assert stops == ["Name", "State", "Findings", "Age", "train-llm"]
    button = page.get_by_role("button", name="train-llm", exact=True)
    assert button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    for key, is_expanded in [("Enter", "true"), ("Space", "false"), ("Space", "true")]:
        page.keyboard.press(key)
        expect(button).to_have_attribute("aria-expanded", is_expanded)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('tr').className") == "detail"


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_texts_of_other_programs_stay_text(visit: Visit, java_script_enabled: bool) -> None:
    """In every field, and in the address of the page."""
    texts = "&".join(f"open=RayJob/x/{index}&zzz={text}" for index, text in enumerate(HOSTILE))
    page = visit(hostile(), f"?{texts}", java_script_enabled=java_script_enabled)
    if java_script_enabled:
        for button in page.locator(f"{ROWS} > td.name > button").all():
            button.click()
        expect(page.locator(PANEL)).to_have_count(len(HOSTILE))
        expect(page.locator(PANEL).first).to_contain_text("Events")
    shown = page.locator("body").inner_text()
    assert all(text in shown for text in HOSTILE[:7])
    assert page.title() == "KubeRay"
    assert (
        page.locator("#objects :is(img, script, iframe, style, textarea, [onload], [onerror], [onfocus])").count() == 0
    )
    assert page.locator("script").count() == 1
    schemes = page.locator("a").evaluate_all("links => [...new Set(links.map(link => link.protocol))]")
    assert set(schemes) <= {"http:", "https:"}


@pytest.mark.parametrize("field", ["name", "namespace", "state", "kind", "sort", "continue"])
def test_the_address_cannot_inject(visit: Visit, field: str) -> None:
    """Its parameters are written into fields and links, by the server and by the script."""
    for settings in ({}, {"java_script_enabled": False}):
        api = scene()
        api.error = (400, HOSTILE[1]) if field in ("sort", "continue") else None
        page = visit_any(visit, api, f'?{field}="><img src=x onerror=document.title=1>', **settings)
        assert page.title() == "KubeRay"
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1


def visit_any(visit: Visit, api: MadeUpApi, address: str, **settings: Any) -> Page:
    return visit(api, address, is_error=api.error is not None, **settings)


def test_without_javascript_it_is_a_table(visit: Visit) -> None:
    """With filters, order, kinds and pages as links and a form."""
    api = scene()
    api.objects += many(200)
    page = visit(api, java_script_enabled=False)
    assert page.locator("#objects > tbody > tr").count() == 100
    expect(page.locator("#objects > tbody > tr").first).to_contain_text("waits for 4 of 8 workers")
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#objects > tbody > tr")).to_have_count(len(api.objects) - 200)
    page.locator("#kinds").get_by_role("link", name=re.compile("^Jobs")).click()
    page.get_by_role("link", name="Name").click()
    page.get_by_role("searchbox", name="Name").fill("eval-03")
    page.get_by_label("State").select_option("Running")
    page.get_by_role("button", name="Apply").click()
    shown = page.locator("#objects > tbody > tr > td.name > strong").all_inner_texts()
    assert shown == ["eval-030", "eval-032", "eval-034", "eval-036", "eval-038"]
    expect(page.get_by_label("State")).to_have_value("Running")


@pytest.mark.parametrize("width", [320, 390, 768, 900, 1100, 1440])
def test_it_fits_every_width(visit: Visit, width: int) -> None:
    """Nothing is cut off or needs horizontal scrolling, also if a row is expanded."""
    page = visit(scene(), "?open=RayJob/ml/train-llm", viewport=NARROW | {"width": width})
    expect(page.locator(PANEL)).to_contain_text("Events")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator(ROWS).first.locator("td.finding")).to_be_visible()
    expect(page.locator(ROWS).first.locator("td.state")).to_be_visible()


def test_dark(visit: Visit) -> None:
    """As the system is set."""
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + +part, 0)"
    assert visit(scene(), color_scheme="dark").evaluate(lightness) < 150
    assert visit(scene(), color_scheme="light").evaluate(lightness) > 600


def test_10000_objects(visit: Visit, capsys: pytest.CaptureFixture[str]) -> None:
    """The page holds 100 of them; the others are found by filters, order and pages."""
    api = MadeUpApi(many(10_000))
    started = time.perf_counter()
    page = visit(api)
    taken_over = time.perf_counter() - started
    first_row = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    with capsys.disabled():
        measured = f"first row after {first_row:.0f} ms, refreshing after {1000 * taken_over:.0f} ms"
        print(f"\n10,000 objects: {measured}")  # noqa: T201 - not asserted, as it depends on the machine
    assert page.locator(ROWS).count() == 100
    expect(page.locator("#caption")).to_have_text("First 100 of 10,000 objects")
    assert page.evaluate("document.querySelectorAll('*').length") < 4000
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#caption")).to_have_text("100 of 10,000 objects")
    page.get_by_role("searchbox", name="Name").fill("JOB-09999")
    expect(page.locator(ROWS)).to_have_count(1)
    assert names(page) == ["job-09999"]
