"""Devices of staff: which browsers the organisation's key has certified, and which it has not or no longer."""
