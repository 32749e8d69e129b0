"""Helpers of the tests: the simulated API server with faults, processes, recordings, parsers."""
