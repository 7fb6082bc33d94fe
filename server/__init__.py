"""The process: command line, settings, composition, HTTP, accounts, cases, appointments and session records."""
