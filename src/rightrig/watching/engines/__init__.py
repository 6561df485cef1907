"""Inference engines by their own metrics: one set of names for four engines."""
