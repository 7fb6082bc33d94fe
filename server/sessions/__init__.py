"""Session records: what happened in a meeting, read from the ledger alone."""
