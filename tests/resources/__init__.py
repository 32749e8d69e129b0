"""Tests of exporter/resources."""
