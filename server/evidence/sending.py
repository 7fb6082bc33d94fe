"""An export on its way to a browser: lines as a file, so that a million of them are never in memory at once."""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

JSON_LINES = "application/jsonl"
AT_ONCE = 500


async def send_lines(request: web.Request, lines: AsyncIterator[str], name: str) -> web.StreamResponse:
    """Send them under this file name; what the first line raises gets out before anything was sent."""
    response: web.StreamResponse | None = None
    gathered: list[str] = []
    async for line in lines:
        gathered.append(line)
        if len(gathered) >= AT_ONCE:
            response = await _flush(request, response, gathered, name)
    response = await _flush(request, response, gathered, name)
    await response.write_eof()
    return response


async def _flush(
    request: web.Request, response: web.StreamResponse | None, gathered: list[str], name: str
) -> web.StreamResponse:
    if response is None:
        headers = {
            "Content-Type": JSON_LINES,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
    await response.write("".join(gathered).encode())
    gathered.clear()
    return response
