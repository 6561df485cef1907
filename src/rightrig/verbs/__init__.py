"""One function a question: a catalogue and a person's words in, what was found out.

The command line and the web are made from them (:mod:`rightrig.verbs.table`): their parameters are
the options of a command and the fields of a request, with the help that each carries.
"""
