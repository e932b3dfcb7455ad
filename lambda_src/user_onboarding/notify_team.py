"""NotifyTeam: announce a new user to the team with a Slack-compatible webhook."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

import requests

from flowbridge import config
from flowbridge.errors import ConfigurationError
from flowbridge.http_retry import NO_RESPONSE, is_retryable
from flowbridge.logs import get_logger
from flowbridge.secret import Secret
from user_onboarding.errors import WebhookRejected, WebhookUnavailable
from user_onboarding.signup import Signup

log = get_logger("notify_team")

#: Slack's statuses for a removed or replaced webhook
#: (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/).
GONE_STATUSES = frozenset({403, 404, 410})
#: Connect and read timeout in seconds.
TIMEOUTS = (3.0, 10.0)
#: Hosts that may be called without TLS: their traffic stays on this machine.
LOOPBACK = ("127.0.0.1", "localhost")


class Webhook:
    """A Slack-compatible incoming webhook.

    Parameters
    ----------
    url
        The secret that holds its URL. Anyone with the URL can post messages.
    session
        The HTTP session, whose connections are reused.
    """

    def __init__(self, url: Secret, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def post(self, text: str) -> None:
        """Send a message.

        Raises
        ------
        WebhookRejected
            For a permanent error: 4xx, or a redirect (redirects are not followed).
        WebhookUnavailable
            For a transient error: 408, 425, 429, 5xx, no connection, timeout.
        ConfigurationError, SecretUnavailable
            When the secret has no https URL or cannot be read.
        """
        status = self._post(text)
        if status in GONE_STATUSES and self._url.refresh():
            # The webhook was replaced after its URL was read.
            status = self._post(text)
        if is_retryable(status):
            raise WebhookUnavailable(f"the webhook returned {status}")
        if status >= 300:
            raise WebhookRejected(f"the webhook returned {status}")

    def _post(self, text: str) -> int:
        url = self._url.text().strip()
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigurationError(
                "The secret WEBHOOK_SECRET has no https URL. Store the webhook's URL in it."
            )
        try:
            # Messages have only the error's type: its text would contain the URL, which is secret.
            return self._session.post(
                url, json={"text": text}, timeout=TIMEOUTS, allow_redirects=False
            ).status_code
        except NO_RESPONSE as error:
            raise WebhookUnavailable(
                f"the webhook did not respond: {type(error).__name__}"
            ) from None
        except requests.RequestException as error:
            kind = type(error).__name__
            raise ConfigurationError(
                f"The webhook cannot be called: {kind}. Check the URL in the secret WEBHOOK_SECRET."
            ) from None


def handler(signup: Signup, _context: object) -> Signup:
    """Notify the team, and return the sign-up unchanged. The message has ids, no personal data.

    Raises
    ------
    WebhookRejected, WebhookUnavailable, ConfigurationError, SecretUnavailable
        As `Webhook.post` does.
    """
    webhook().post(f"New user {signup['userId']} of tenant {signup['tenantId']}.")
    log.info("team notified", extra={"user_id": signup["userId"], "tenant": signup["tenantId"]})
    return signup


@lru_cache(maxsize=1)
def webhook() -> Webhook:
    """Return the webhook of the secret ``WEBHOOK_SECRET``."""
    return Webhook(Secret(config.required("WEBHOOK_SECRET")), requests.Session())
