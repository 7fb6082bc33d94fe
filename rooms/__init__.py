"""One live meeting: membership, roles, waiting room, admission."""
