"""Tests of exporter.pipeline."""
