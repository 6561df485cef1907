"""How to run it: the configuration that makes a plan real."""
