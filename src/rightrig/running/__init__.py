"""Many tasks at once: on the cores of this machine or on a cluster, resumed where they stopped.

The room is handed tasks and what to do with one; what they are about it does not know.
"""
