"""Consents: what people are told, what they answered, who acts for them, and whether remote work is possible."""
