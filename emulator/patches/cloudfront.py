"""CloudFront.

- ``local-sites``: a browser on this computer cannot open a distribution, because MiniStack only
  knows CloudFront's own host names. ``<label>.cloudfront.localhost`` works here: browsers resolve
  every name below ``localhost`` to this computer. MiniStack has no TLS here and a distribution may
  require it, so requests on loopback count as HTTPS.
- ``api-origins``: MiniStack connects to AWS for an origin that is an API. The emulator's own API of
  that name is called instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from emulator.asgi import App, Receive, Scope, Send
from emulator.settings import LOOPBACK, Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "local-sites": "A distribution answers at its host name, over TLS.",
    "api-origins": "The origin of a distribution may be an API.",
}
Forward = Callable[..., tuple[Any, ...]]

LOCAL_SITE = re.compile(rb"^([a-z0-9]+)\.cloudfront\.localhost(?::\d+)?$")
API_SERVER = re.compile(r"^([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com$")
REPLACED_HEADERS = (b"host", b"x-forwarded-proto")


def apply(settings: Settings) -> None:
    """Close the gaps."""
    from ministack import app as server
    from ministack.services import cloudfront

    server.app = WithLocalSites(server.app)
    cloudfront._forward_to_origin = to_own_apis(cloudfront._forward_to_origin, settings.port)


class WithLocalSites:
    """ASGI application: MiniStack, with its distributions below ``localhost``.

    Parameters
    ----------
    app
        MiniStack's application; gets every other request unchanged.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            match = LOCAL_SITE.match(dict(scope["headers"]).get(b"host", b"").lower())
            if match:
                kept = [pair for pair in scope["headers"] if pair[0] not in REPLACED_HEADERS]
                site = match[1] + b".cloudfront.net"
                headers = [*kept, (b"host", site), (b"x-forwarded-proto", b"https")]
                scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def to_own_apis(forward: Forward, port: int) -> Forward:
    """Return MiniStack's call of an origin, which reaches the emulator's own APIs by their path."""

    def forward_to_own(origin: dict[str, Any], method: str, uri: str, *rest: Any) -> Any:
        match = API_SERVER.match(origin["domain_name"])
        if match:
            here = {"domain_name": LOOPBACK, "http_port": port, "protocol_policy": "http-only"}
            origin, uri = {**origin, **here}, f"/_aws/execute-api/{match[1]}{uri}"
        return forward(origin, method, uri, *rest)

    return forward_to_own
