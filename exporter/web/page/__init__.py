"""The page at `/`: HTML that the server renders with Jinja2, and a script that swaps its parts."""

from exporter.web.page.page import Page, PageSettings

__all__ = ["Page", "PageSettings"]
