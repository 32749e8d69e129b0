"""From objects to samples, for any kind: tables of families, values, lifecycle counters, integrals and limits."""
