"""Tests of exporter.families."""
