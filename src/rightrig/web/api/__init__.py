"""The REST API: every verb of the table as a path, its words as fields, its answer as JSON."""
