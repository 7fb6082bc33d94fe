"""Accounts of staff: invitation, sign-in, passwords, and who may sign in at all."""
