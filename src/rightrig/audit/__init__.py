"""Published figures, recomputed: what a text claims, what rightrig makes of it, and why."""
