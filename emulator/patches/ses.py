"""SES.

- ``senders``: a mail is authorized on every resource. AWS asks for the right on the sender's
  identity. It also asks for rights on the template and the configuration set, which the emulator
  does not check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "senders": "A mail needs the right on the identity of its sender.",
}
SENDER = re.compile(r"([^<>@\s]+@([^<>\s]+?))>?$")


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.core import iam_actions

    iam_actions._ses_v2_resource_arn = with_senders(iam_actions._ses_v2_resource_arn)


def with_senders(arn_of: Callable[..., str]) -> Callable[..., str]:
    """Return MiniStack's lookup of a call's resource: for a mail, the sender's identity."""

    def arn_with_sender(method: str, path: str, body: bytes, region: str, account: str) -> str:
        if method == "POST" and path.rstrip("/").endswith("/outbound-emails"):
            sender = SENDER.search(str(json.loads(body or b"{}").get("FromEmailAddress", "")))
            if sender:
                return f"arn:aws:ses:{region}:{account}:identity/{sender[2]}"
        return arn_of(method, path, body, region, account)

    return arn_with_sender
