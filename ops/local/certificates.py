"""The certificate of the emulator's RDS servers, and the local authority that vouches for it.

On AWS, Amazon's authority of the region does; a client verifies a server here in the same way,
with another authority.
"""

from __future__ import annotations

from pathlib import Path

from ops.local.mariadb_server import write_privately
from ops.settings import LOOPBACK

AUTHORITY = "ca.pem"
CERTIFICATE = "server.pem"
KEY = "server.key"


def make(folder: Path) -> None:
    """Make the authority and the servers' certificate, unless they are there.

    The authority's own key is kept nowhere, so it never vouches for anything else.
    """
    if (folder / AUTHORITY).exists():
        return
    import trustme  # it takes a while, and most commands need no certificate

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = trustme.CA(organization_name="Flowbridge local environment")
    server = authority.issue_cert(LOOPBACK, "localhost")
    chain = b"".join(part.bytes() for part in server.cert_chain_pems)
    write_privately(folder / KEY, server.private_key_pem.bytes().decode())
    (folder / CERTIFICATE).write_bytes(chain)
    # Last: its presence means that all files exist.
    authority.cert_pem.write_to_path(str(folder / AUTHORITY))
