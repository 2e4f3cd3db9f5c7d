"""Compiled kernels of sampling: 64 worlds to a word, failures placed one by one. Readable twins are in the tests."""
