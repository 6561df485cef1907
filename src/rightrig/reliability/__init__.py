"""What breaks, how often, and what that costs in time: bit errors, failures, checkpoints, spares.

Formulas over published counts and stated rates; no money and no speed. Equations and their
sources: docs/methodology/reliability.md.
"""
