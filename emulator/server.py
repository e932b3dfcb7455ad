"""Serve the local AWS on loopback.

The local environment starts it as a program of its own: ``python -m emulator.server --port=4566``.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from pathlib import Path

from emulator import patches, stand_ins, throttling
from emulator.idempotent_calls import WithIdempotentCalls
from emulator.quotas import Quotas, scale_of
from emulator.settings import LOOPBACK, ROOT_KEY, ROOT_SECRET, Settings

#: Above the 90 s for which Terraform keeps an idle connection. Otherwise a connection could end
#: here at the moment at which Terraform uses it again.
KEEP_ALIVE_SECONDS = 120
STOP_SECONDS = 3


async def serve(settings: Settings, patched: bool) -> None:
    """Serve until SIGTERM or SIGINT."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack import app as ministack

    if patched:
        patches.apply_all(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"{LOOPBACK}:{settings.port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = 10**9
    config.graceful_timeout = STOP_SECONDS
    application = stand_ins.with_stand_ins(ministack.app)
    if settings.quotas:
        application = throttling.install(Quotas(scale_of(settings.quotas)))(application)
    application = WithIdempotentCalls(application)

    async def stopped() -> None:
        await stop.wait()

    await hypercorn_serve(application, config, shutdown_trigger=stopped)


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that MiniStack reads when it is imported."""
    return {
        "AUTH": "true",
        "GATEWAY_PORT": str(settings.port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": LOOPBACK,
        # Its other listeners (MQTT, SFTP) bind every interface and are not used.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Functions that are idle for longer give their memory back, but one environment of each.
        "LAMBDA_WARM_TTL_SECONDS": "60",
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_SECRET,
        "AWS_ENDPOINT_URL": settings.endpoint,
    }


def main() -> None:
    """Read the command line, set MiniStack's environment, serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid-file", type=Path, help="where to write the process's number")
    parser.add_argument("--databases", type=Path, help="folder of the RDS instances' servers")
    parser.add_argument("--certificates", type=Path, help="folder of those servers' certificate")
    parser.add_argument("--quotas", default="", help="aws, or aws:0.1 for a tenth of its quotas")
    parser.add_argument(
        "--express-seconds",
        type=float,
        default=Settings.express_seconds,
        help="how long an Express execution may run",
    )
    parser.add_argument(
        "--unpatched", action="store_true", help="leave MiniStack as it is, for a test of patches"
    )
    arguments = parser.parse_args()
    settings = Settings(
        arguments.port,
        arguments.databases,
        arguments.certificates,
        arguments.quotas,
        arguments.express_seconds,
    )
    if arguments.pid_file:
        arguments.pid_file.write_text(f"{os.getpid()}\n")
    os.environ.update(environment(settings))
    # They log the receiver of each mail, and the beginning of each notification.
    for name in ("ses-v2", "sns"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with settings.at_exit:
        asyncio.run(serve(settings, patched=not arguments.unpatched))


if __name__ == "__main__":
    main()
