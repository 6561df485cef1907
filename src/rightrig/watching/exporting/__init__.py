"""What was read, as Prometheus scrapes it: lines of text, and the server that hands them out."""
