"""KMS.

- ``tags-of-new-keys``: the right to create keys is enough to create them with tags. AWS also asks
  for ``kms:TagResource``, and names no key then, so a statement about keys does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulator.settings import Settings

#: The name of each gap, and what AWS does.
GAPS = {
    "tags-of-new-keys": "Creating a key with tags needs ``kms:TagResource`` on every resource.",
}


def apply(_: Settings) -> None:
    """Close the gap."""
    from ministack.core import iam_evaluator

    iam_evaluator.enforce = with_tags_of_new_keys(iam_evaluator.enforce)


def with_tags_of_new_keys(enforce: Callable[..., Any]) -> Callable[..., Any]:
    """Return MiniStack's check of a call, which for a new key with tags checks both rights."""

    def enforce_both(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:
        def denied(checked: str) -> Any:
            return enforce(access_key, checked, service, region, resource_arn, service_context)

        is_tagged = action == "kms:CreateKey" and "aws:TagKeys" in (service_context or {})
        return denied(action) or (denied("kms:TagResource") if is_tagged else None)

    return enforce_both
