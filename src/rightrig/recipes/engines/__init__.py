"""Engines: how each is started."""
