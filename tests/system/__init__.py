"""Tests of exporter.system."""
