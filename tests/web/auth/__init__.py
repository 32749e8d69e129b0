"""Tests of exporter.web.auth."""
