"""Tests of exporter.logs.configuration."""
