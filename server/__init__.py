"""The process: command line, settings, composition, HTTP, accounts, cases, appointments and session records."""

from importlib.metadata import version

__version__ = version("poruch")
