"""The paths of the probes, which need no authentication, and what they say."""

PROBE_PATHS = ("/healthz", "/readyz")
