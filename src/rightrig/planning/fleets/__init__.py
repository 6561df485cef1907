"""Fleets: several models and traffics on the cheapest mix of cards."""
