"""Combos: what a rig is good for, and who should avoid it."""
