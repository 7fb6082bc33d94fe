"""Proof: checkpoints while the server runs, witnesses, exports, and pages about all that."""
