"""Seats: a link, an entry code or a resume token becomes a ticket for the socket."""
