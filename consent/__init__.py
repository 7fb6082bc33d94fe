"""Evidence: who may do what, what was agreed, and the ledger of what happened."""
