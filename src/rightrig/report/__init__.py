"""How results look: one renderer a result type, as a document for people and as JSON."""
