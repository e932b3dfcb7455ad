"""Local programs that play what is outside of AWS, or an AWS service with a real engine behind it.

Each module has ``layer(app)``, which returns an ASGI application that answers its own requests and
hands the others on.
"""

from __future__ import annotations

import importlib
import pkgutil

from emulator.asgi import App


def with_stand_ins(app: App) -> App:
    """Return an application with every stand-in of this folder in front of it."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        app = importlib.import_module(found.name).layer(app)
    return app
