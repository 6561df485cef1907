"""What it costs: rent, energy, and what a million tokens come to."""
