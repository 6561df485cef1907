"""This machine: what it is, what it does, and what a server on it delivers.

Five small packages: ``probe``, ``bench``, ``load``, ``tune``, ``profile``. ``load`` never imports
PyTorch.
"""
