"""Experiments that compare losses fairly: matrices of runs, statistics and reports.

Nothing is imported here, so that `python -m spacy --help` stays quick.
"""
