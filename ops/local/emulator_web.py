"""Let a browser on this computer open the emulator's CloudFront distributions.

- A distribution is served at ``<label>.cloudfront.localhost``: browsers take every name below
  ``localhost`` for this computer, and the emulator knows CloudFront's own names only.
- The emulator has no TLS here, and a distribution may ask for it: what arrives on loopback counts
  as safe.
- An origin that is an API of the emulator is called here, by its path; AWS's own server of that
  name is never dialed.

This module runs in the emulator's own Python environment and imports nothing of the project.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Forward = Callable[..., tuple[Any, ...]]

LOCAL_SITE = re.compile(rb"^([a-z0-9]+)\.cloudfront\.localhost(?::\d+)?$")
API_SERVER = re.compile(r"^([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com$")
#: What a distribution may believe of how it was called.
OF_THE_WAY = (b"host", b"x-forwarded-proto")


class WithLocalSites:
    """ASGI application: the emulator, with its distributions below ``localhost``.

    Parameters
    ----------
    app
        The emulator's own application; every other request goes there untouched.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            match = LOCAL_SITE.match(dict(scope["headers"]).get(b"host", b"").lower())
            if match:
                kept = [pair for pair in scope["headers"] if pair[0] not in OF_THE_WAY]
                site = match[1] + b".cloudfront.net"
                headers = [*kept, (b"host", site), (b"x-forwarded-proto", b"https")]
                scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def serve_api_origins(port: int) -> None:
    """Have the emulator's CloudFront find the emulator's own APIs, which answer on a port."""
    from ministack.services import cloudfront

    cloudfront._forward_to_origin = to_own_apis(cloudfront._forward_to_origin, port)


def to_own_apis(forward: Forward, port: int) -> Forward:
    """Return the emulator's call of an origin, which then goes to its own APIs by their path."""

    def forward_to_own(origin: dict[str, Any], method: str, uri: str, *rest: Any) -> Any:
        match = API_SERVER.match(origin["domain_name"])
        if match:
            here = {"domain_name": "127.0.0.1", "http_port": port, "protocol_policy": "http-only"}
            origin, uri = {**origin, **here}, f"/_aws/execute-api/{match[1]}{uri}"
        return forward(origin, method, uri, *rest)

    return forward_to_own
