"""Cases: a client known by an alias, the team around them, and who may reach what."""
