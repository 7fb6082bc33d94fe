"""The team's vault: secrets of appointments, as ciphertext that only certified devices of the team can open."""
