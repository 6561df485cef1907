"""What this machine does: bandwidth, arithmetic, messages, steps of a model."""
