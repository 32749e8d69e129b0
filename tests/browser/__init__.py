"""Tests of the page in Debian's Chromium: `make browser`."""
