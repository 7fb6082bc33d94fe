"""Appointments: a planned meeting of one case, its seats and its invitation links."""
