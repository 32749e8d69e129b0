"""Tests of exporter/kube."""
