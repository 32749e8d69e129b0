"""Tests of exporter/simulator/kuberay."""
