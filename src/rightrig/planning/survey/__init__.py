"""All models of the catalogue on one rig at once."""
