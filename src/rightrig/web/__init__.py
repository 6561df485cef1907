"""The page and the REST API: requests to questions, what was found to answers. No formula here."""
