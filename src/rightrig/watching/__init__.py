"""Keep it so: a machine at work, watched beside what its plan promised.

What is read (``reading``, ``engines``) becomes a :class:`~rightrig.watching.states.Moment`; from it
come metrics, alerts, and the table of ``rightrig watch once``.
"""
