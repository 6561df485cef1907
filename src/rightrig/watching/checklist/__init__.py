"""The production checklist: what holds of a deployment, what does not, and what nobody can tell."""
