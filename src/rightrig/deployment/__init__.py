"""What is proposed: a rig, a way to split a model over it, formats, an engine and its limits."""
