"""Tests of exporter/exposition."""
