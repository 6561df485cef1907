"""How long and how much: time, memory and power of a deployment, with intervals.

Efficiencies that were fitted lie in ``data/``, beside the names of what they were fitted on.
"""
