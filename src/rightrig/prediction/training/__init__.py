"""Training: memory and time of a step, fitted on published runs."""
