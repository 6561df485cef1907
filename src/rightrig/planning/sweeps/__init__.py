"""Sweeps: every combination of demands, rigs and seeds by simulation."""
