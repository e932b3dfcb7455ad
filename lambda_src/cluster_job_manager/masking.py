"""Remove secrets from the error output of a job, which ends up in histories and queues."""

from __future__ import annotations

import re

MASK = "***"
LENGTH = 1000
#: As much of the end is searched for secrets: the patterns take long on a long text.
SEARCHED = 16 * LENGTH
#: Values after names of secrets, tokens of known forms, and passwords in addresses.
SECRETS = (
    (re.compile(r"(?i)\b((?:authorization|proxy-authorization)\s*[:=]\s*)[^\r\n]+"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)((?:passw(?:or)?d|pwd|secret|token|api[_-]?key|credential)"
            r"(?:[_.-]?(?:access|key|id|value|text|s))*[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), MASK),
    (re.compile(r"(://[^\s:/@]+:)[^\s@/]+@"), rf"\1{MASK}@"),
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S
        ),
        MASK,
    ),
)
#: The end of a private key that began before the text.
REST_OF_KEY = re.compile(r"\A(?:(?!-----BEGIN ).)*?-----END [A-Z ]*PRIVATE KEY-----", re.S)


def masked(text: str) -> str:
    """Return the end of an error output, without secrets."""
    cut = ""
    if len(text) > SEARCHED:
        # The first word may be the rest of a secret.
        _, _, text = re.sub(r"\s", "\n", text[-SEARCHED:], count=1).partition("\n")
        cut, text = "…", REST_OF_KEY.sub(MASK, text)
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    # UTF-8 has no half of a pair of surrogates, which JSON may hold.
    text = text.encode("utf-8", "replace").decode()
    # The end of an output names the error.
    return f"{cut}{text}" if len(text) <= LENGTH else f"…{text[-LENGTH:]}"
