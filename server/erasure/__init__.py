"""Erasure: the end of a case, by two people, and never before the law allows it."""
