"""Supervision: the desk, sampling, broken glass, inspectors, and visits that are entered by hand."""
