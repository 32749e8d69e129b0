"""The page at `/`."""

import re
from html import unescape

from exporter.web.application import landing_page
from exporter.web.status import KindStatus
from tests.support.exporter_status import FakeStatus


class OneKind(FakeStatus):
    def __init__(self, kind: KindStatus) -> None:
        self.kind = kind

    def kinds(self) -> list[KindStatus]:
        return [self.kind]


def test_names_cannot_become_markup() -> None:
    """Namespaces are checked, but not by this page."""
    page = landing_page(OneKind(KindStatus('<script>"&', 7, "{x} <b>")))
    assert "<script>" not in page
    assert [unescape(cell) for cell in re.findall("<td>(.*?)</td>", page)] == ['<script>"&', "7", "{x} <b>"]


def test_links_are_relative() -> None:
    """The exporter may be behind a proxy with a path."""
    assert all(not link.startswith("/") for link in re.findall('href="(.*?)"', landing_page(FakeStatus())))
