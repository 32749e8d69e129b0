"""The page in a browser: refreshes, filters, the keyboard, hostile texts, widths, colours, without JavaScript."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chromium import NARROW
from tests.browser.conftest import Visit
from tests.browser.scene import HOSTILE, hostile, ordinary, scene
from tests.support.shown_fleet import ShownFleet, item, job, many

ROWS = "#objects > tbody > tr:not(.detail)"
PANEL = "#objects > tbody > tr.detail"
NAME = "td.name > a[aria-expanded]"


def refresh(page: Page) -> None:
    """Ask for the parts now, as when the tab becomes visible."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def names(page: Page) -> list[str]:
    texts: list[str] = page.locator(f"{ROWS} > {NAME}").all_inner_texts()
    return texts


def row(page: Page, name: str) -> str:
    return f"{ROWS}:has({NAME}:text-is('{name}'))"


def test_the_worst_objects_are_first_and_explained(visit: Visit) -> None:
    """With figures of the fleet above."""
    page = visit(scene())
    assert names(page)[:2] == ["train-llm", "notebook"]
    expect(page.locator(ROWS).first).to_contain_text("RayJob in ml, with RayCluster train-llm-x7k2p")
    expect(page.locator("#caption")).to_have_text("46 rows with 47 objects")
    expect(page.locator(ROWS).first).to_contain_text("insufficient nvidia.com/gpu")
    expect(page.locator("#figures")).to_contain_text("GPUs ready")
    expect(page.locator("#ended-jobs svg")).to_have_attribute("aria-label", re.compile("20 complete, 0 failed"))


def test_a_row_is_opened_by_a_click_anywhere(visit: Visit) -> None:
    """And by a link of a related object; a command is copied."""
    page = visit(scene())
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(f"{row(page, 'train-llm')} > td.state").click()
    panel = page.locator(PANEL)
    expect(panel).to_contain_text("FailedToCreateWorkerPod")
    panel.get_by_role("button", name="Copy").first.click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "kubectl -n ml describe pod/train-llm-x7k2p-worker-0"
    page.locator(ROWS).first.get_by_role("link", name="RayCluster train-llm-x7k2p").click()
    expect(page.locator(PANEL)).to_contain_text("512 GiB")
    page.locator(f"{ROWS} > {NAME}").click()
    expect(page.locator(PANEL)).to_have_count(0)


def test_the_address_says_what_is_shown(visit: Visit) -> None:
    """Filters, order and open rows: in another browser it shows the same."""
    fleet = scene()
    page = visit(fleet)
    page.locator("#kinds").get_by_role("link", name=re.compile("^Jobs")).click()
    page.get_by_role("searchbox", name="Search").fill("eval-03")
    page.get_by_label("State").select_option("Running")
    expect(page.locator(ROWS)).to_have_count(5)
    page.get_by_role("columnheader", name="Name", exact=True).get_by_role("link").click()
    expect(page).to_have_url(re.compile("sort=name"))
    page.locator(f"{row(page, 'eval-034')} > {NAME}").click()
    expect(page.locator(PANEL)).to_have_count(1)
    query = page.url.partition("?")[2]
    other = visit(fleet, f"?{query}")
    assert names(other) == names(page) == ["eval-030", "eval-032", "eval-034", "eval-036", "eval-038"]
    expect(other.locator(PANEL)).to_have_count(1)
    expect(other.get_by_role("columnheader", name="Name", exact=True)).to_have_attribute("aria-sort", "ascending")
    assert other.get_by_role("searchbox", name="Search").input_value() == "eval-03"
    page.go_back()
    expect(page.get_by_role("columnheader", name="Finding")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("eval-03")
    page.locator("#clear").click()
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("")
    expect(page.get_by_label("State")).to_have_value("")


def test_a_cause_is_a_filter(visit: Visit) -> None:
    """And so is a severity; a second click on it removes it."""
    page = visit(scene())
    page.locator("#causes").get_by_role("link", name=re.compile("^Unschedulable")).click()
    expect(page.locator(ROWS)).to_have_count(1)
    page.locator("#causes").get_by_role("link", name=re.compile("^Unschedulable")).click()
    expect(page.locator(ROWS)).to_have_count(46)
    page.locator("#severities").get_by_role("link", name=re.compile("^Info")).click()
    expect(page.locator(ROWS)).to_have_count(1)


def test_a_figure_is_a_filter_with_the_number_of_its_rows(visit: Visit) -> None:
    """Of what the other filters leave, as the tabs; a second click removes it."""
    page = visit(scene(), "?q=eval-03")
    page.locator("#figures").get_by_role("link", name="jobs running").click()
    expect(page.locator("#figures [aria-current]")).to_have_text("5 jobs running")
    expect(page.locator("#kinds [aria-current]")).to_have_text(re.compile("^Jobs 10"))
    expect(page.locator(ROWS)).to_have_count(5)
    page.locator("#figures [aria-current]").click()
    expect(page.locator(ROWS)).to_have_count(10)


def test_a_message_is_not_repeated_in_an_open_row(visit: Visit) -> None:
    """Eight pods wait for the same reason, which the scheduler says of each: it is in the finding, and in the Event."""
    page = visit(scene(), "?open=RayJob/ml/train-llm")
    expect(page.locator(PANEL)).to_contain_text("worker-3")
    parts = [page.locator(f"{PANEL} {part} q").all_inner_texts() for part in (".findings", "[aria-label=Events]")]
    assert [part.count("0/6 nodes are available: 6 Insufficient nvidia.com/gpu.") for part in parts] == [1, 1]
    assert page.locator(f"{PANEL} [aria-label=Pods] q").count() == 0


def test_who_manages_an_object_leaves_its_name_the_width(visit: Visit) -> None:
    """On a phone; the row says it once beside the finding, and ages are at the right edge of all rows."""
    foreign = item("RayJob", "sent-to-another-cluster", spec={"managedBy": "kueue.x-k8s.io/multikueue"})
    page = visit(ShownFleet(foreign, job("one", "Running"), job("two", "New")), viewport=NARROW)
    first = page.locator(row(page, "sent-to-another-cluster"))
    assert first.inner_text().lower().count("managed by") == 1
    width = first.locator(NAME).evaluate("link => link.getBoundingClientRect().width")
    assert width > 0.5 * NARROW["width"]
    right = "cells => cells.map(cell => Math.round(cell.getBoundingClientRect().right))"
    assert len(set(page.locator("td.age").evaluate_all(right))) == 1


def test_a_refresh_keeps_scroll_focus_and_input(visit: Visit) -> None:
    """While objects change, appear and are deleted."""
    fleet = scene()
    page = visit(fleet, "?open=RayJob/ml/eval-030")
    link = page.locator(f"{row(page, 'eval-030')} > {NAME}")
    page.get_by_label("Namespace").evaluate("input => { input.value = 'typ' }")
    link.focus()
    link.evaluate("link => { window.before = link }")
    link.scroll_into_view_if_needed()
    scroll = page.evaluate("scrollY")
    assert scroll > 0
    fleet.replace("eval-038", [])
    fleet.replace("eval-030", [ordinary(30, "Waiting")])
    fleet.items.append(job("aaa", "Running"))
    expect(page.locator(row(page, "eval-030"))).to_contain_text("Waiting")
    expect(page.locator(row(page, "eval-038"))).to_have_count(0)
    expect(page.locator(row(page, "aaa"))).to_have_count(1)
    assert page.evaluate("document.activeElement === window.before && window.before.isConnected")
    expect(page.get_by_label("Namespace")).to_have_value("typ")
    assert page.locator(PANEL).count() == 1


def test_a_row_that_moves_keeps_the_focus(visit: Visit) -> None:
    """It becomes the worst one."""
    fleet = scene()
    page = visit(fleet)
    page.locator(f"{row(page, 'eval-030')} > {NAME}").focus()
    before = names(page)
    fleet.replace("eval-030", [ordinary(30, "Failed")])
    expect(page.locator(row(page, "eval-030"))).to_contain_text("Program failed")
    assert page.evaluate("document.activeElement.textContent") == "eval-030"
    after = names(page)
    assert after.index("eval-030") < before.index("eval-030")
    assert sorted(after) == sorted(before)


def test_it_refreshes_itself_and_unchanged_parts_are_304(visit: Visit) -> None:
    """Without anybody doing anything."""
    fleet = ShownFleet(job("one", "Running"))
    page = visit(fleet)
    with page.expect_response(lambda answer: answer.status == 304):
        pass
    fleet.replace("one", [job("one", "Complete")])
    expect(page.locator(ROWS)).to_contain_text("Complete")


def test_an_outage_is_said_and_the_table_stays(visit: Visit) -> None:
    """Of the API server, and of the exporter, until they answer again."""
    fleet = scene()
    page = visit(fleet)
    fleet.status.stale_since = 1_700_000_000.0
    expect(page.locator("#connection")).to_contain_text("what you see is from 22:13:20")
    expect(page.locator("#connection")).to_have_attribute("data-tone", "bad")
    assert len(names(page)) == 46
    fleet.status.stale_since = None
    expect(page.locator("#connection")).to_contain_text("Connected, up to date")
    page.context.set_offline(True)
    refresh(page)
    expect(page.locator("#connection")).to_contain_text("The exporter does not answer; what you see is from")
    assert len(names(page)) == 46
    page.context.set_offline(False)
    refresh(page)
    expect(page.locator("#connection")).to_contain_text("Connected, up to date")


def test_only_the_keyboard(visit: Visit) -> None:
    """Skip link, tab order, Enter; what has the focus is visible."""
    page = visit(scene())
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    stops: list[str] = []
    while "train-llm" not in stops:
        assert len(stops) < 10
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.textContent"))
    assert stops[:4] == ["Name", "Finding", "State", "Age"]
    link = page.locator(f"{row(page, 'train-llm')} > {NAME}")
    assert link.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    for is_expanded in ("true", "false", "true"):
        page.keyboard.press("Enter")
        expect(link).to_have_attribute("aria-expanded", is_expanded)
        expect(link).to_be_focused()


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_texts_of_other_programs_stay_text(visit: Visit, java_script_enabled: bool) -> None:
    """In every field, in the address, and after a refresh by the script."""
    opened = "&".join(f"open={text}" for text in HOSTILE)
    page = visit(hostile(*HOSTILE), f"?kind=RayJob&sort=name&{opened}", java_script_enabled=java_script_enabled)
    if java_script_enabled:
        for index in range(len(HOSTILE)):
            page.locator(f"{ROWS} > {NAME}").nth(index).click()
            expect(page.locator(PANEL)).to_have_count(index + 1)
    shown = page.locator("body").inner_text()
    assert all(text in shown for text in HOSTILE[:6])
    assert page.title() == f"{HOSTILE[0]} · KubeRay"
    assert page.locator("#parts :is(img, script, iframe, style, textarea, [onload], [onerror], [onfocus])").count() == 0
    assert page.locator("script").count() == 1
    schemes = page.locator("a").evaluate_all("links => [...new Set(links.map(link => link.protocol))]")
    assert set(schemes) <= {"http:", "https:"}


@pytest.mark.parametrize("field", ["q", "namespace", "state", "kind", "sort", "continue", "cause", "label", "open"])
def test_the_address_cannot_inject(visit: Visit, field: str) -> None:
    """Its parameters are written into fields and links."""
    page = visit(scene(), f'?{field}="><img src=x onerror=document.title=1>')
    with page.expect_response(lambda answer: "part=1" in answer.url):
        refresh(page)
    assert page.title() == "KubeRay"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1


def test_without_javascript_it_is_the_same_page(visit: Visit) -> None:
    """With filters, orders, pages and open rows as links and a form."""
    fleet = scene()
    fleet.items += many(200)
    page = visit(fleet, java_script_enabled=False)
    assert page.locator(ROWS).count() == 100
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="Next page").click()
    # Two jobs failed for one cause, and have one row.
    expect(page.locator(ROWS)).to_have_count(45)
    page.locator("#kinds").get_by_role("link", name=re.compile("^Jobs")).click()
    page.get_by_role("link", name="Name", exact=True).click()
    page.get_by_role("searchbox", name="Search").fill("eval-03")
    page.get_by_label("State").select_option("Running")
    page.get_by_role("button", name="Apply").click()
    assert names(page) == ["eval-030", "eval-032", "eval-034", "eval-036", "eval-038"]
    expect(page.get_by_label("State")).to_have_value("Running")
    page.locator(f"{row(page, 'eval-032')} > {NAME}").click()
    expect(page.locator(PANEL)).to_contain_text("kubectl -n ml get rayjob eval-032 -o yaml")


@pytest.mark.parametrize("width", [320, 390, 640, 768, 900, 1100, 1440])
def test_it_fits_every_width(visit: Visit, width: int) -> None:
    """Nothing is cut off or needs horizontal scrolling, also if a row is open; 640 is 1280 at a zoom of 200 %."""
    page = visit(scene(), "?open=RayJob/ml/train-llm", viewport=NARROW | {"width": width})
    expect(page.locator(PANEL)).to_contain_text("Events")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for cell in ("td.finding", "td.state"):
        expect(page.locator(ROWS).first.locator(cell)).to_be_visible()
    message = page.locator(f"{PANEL} .lines q").first
    assert message.bounding_box() is not None


def test_the_first_row_of_a_phone_needs_no_scrolling(visit: Visit) -> None:
    """The filters and figures leave it on the first screen."""
    page = visit(scene(cluster_name="production"), viewport=NARROW)
    box = page.locator(ROWS).first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < NARROW["height"]


def test_dark(visit: Visit) -> None:
    """As the system is set."""
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + +part, 0)"
    assert visit(scene(), color_scheme="dark").evaluate(lightness) < 150
    assert visit(scene(), color_scheme="light").evaluate(lightness) > 600


def test_forced_colours_leave_word_and_shape(visit: Visit) -> None:
    """Severities and bars are visible without colours of the page."""
    page = visit(scene(), forced_colors="active")
    expect(page.locator(ROWS).first.locator(".severity")).to_have_text(re.compile("▲ Warning"))
    track, done = (page.locator(f".bar rect:nth-child({index})").first for index in (1, 2))
    fill = "rect => getComputedStyle(rect).fill"
    assert track.evaluate(fill) != done.evaluate(fill)


def test_10000_objects(visit: Visit) -> None:
    """The page holds 100 of them; the others are found by filters, order and pages."""
    page = visit(ShownFleet(*many(10_000)))
    assert page.locator(ROWS).count() == 100
    expect(page.locator("#caption")).to_have_text("1 to 100 of 9,901 rows with 10,000 objects")
    assert page.evaluate("document.querySelectorAll('*').length") < 4000
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("#caption")).to_have_text("101 to 200 of 9,901 rows with 10,000 objects")
    page.get_by_role("searchbox", name="Search").fill("JOB-09999")
    expect(page.locator(ROWS)).to_have_count(1)
    assert names(page) == ["job-09999"]
