"""Tests of exporter/simulator/apiserver."""
