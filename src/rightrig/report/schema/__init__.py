"""The types of the JSON answers: nothing but names and their types, a module a verb family."""
