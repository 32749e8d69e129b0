"""Tests of exporter.views."""
