"""Logging: handlers and formats, the rotated file, the queue before each destination, the limit of repeated lines."""
