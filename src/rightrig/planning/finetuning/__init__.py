"""Fine-tuning as a decision: what of a job is left open, what a run costs, which rig does it."""
