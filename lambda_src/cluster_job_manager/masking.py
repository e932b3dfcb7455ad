"""Remove secrets from the error output of a job, which ends up in histories and queues."""

from __future__ import annotations

import re

MASK = "***"
LENGTH = 1000
#: Values after names of secrets, tokens of known forms, and passwords in addresses.
SECRETS = (
    (re.compile(r"(?i)\b((?:authorization|proxy-authorization)\s*[:=]\s*)[^\r\n]+"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)([\w.-]*(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|credential)"
            r"(?:[_.-]?(?:access|key|id|value|text|s))*[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), MASK),
    (re.compile(r"(\w+://[^\s:/@]+:)[^\s@/]+@"), rf"\1{MASK}@"),
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
        ),
        MASK,
    ),
)


def masked(text: str) -> str:
    """Return the end of an error output, without secrets."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    # The end of an output names the error.
    return text if len(text) <= LENGTH else f"…{text[-LENGTH:]}"
