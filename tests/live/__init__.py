"""Tests with a real Prometheus: `make live`."""
