"""``python -m server`` and ``poruch`` do the same; checking an export loads nothing of the server or its database."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command; returns the exit status."""
    if sys.argv[1:2] == ["verify"]:
        from consent import verdict  # noqa: PLC0415 - only this, so that nothing else is loaded

        return verdict.main(sys.argv[2:])
    from server import cli  # noqa: PLC0415 - see above

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
