"""Serving over HTTP: `/metrics`, the probes, and a page for people."""
