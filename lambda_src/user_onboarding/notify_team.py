"""NotifyTeam: tell the team of a new user, by a webhook as Slack has it."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

import requests

from flowbridge import config
from flowbridge.errors import ConfigurationError
from flowbridge.http_answer import NO_ANSWER, may_work_later
from flowbridge.logs import get_logger
from flowbridge.secret import Secret
from user_onboarding.errors import WebhookRejected, WebhookUnavailable
from user_onboarding.signup import Signup

log = get_logger("notify_team")

#: What Slack answers when the webhook itself is gone or was replaced
#: (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/).
GONE_STATUSES = frozenset({403, 404, 410})
TIMEOUTS = (3.0, 10.0)
#: Where a URL may do without TLS: nobody listens on the way.
LOOPBACK = ("127.0.0.1", "localhost")


class Webhook:
    """A webhook that takes messages for people to read.

    Parameters
    ----------
    url
        The secret that holds its URL: whoever knows it may write to the team.
    session
        The HTTP session, kept for its connections.
    """

    def __init__(self, url: Secret, session: requests.Session) -> None:
        self._url = url
        self._session = session

    def post(self, text: str) -> None:
        """Send a message.

        Raises
        ------
        WebhookRejected
            When it is refused for good: 4xx, or a redirect (the message goes nowhere else).
        WebhookUnavailable
            When it may work later: 408, 425, 429, 5xx, no connection, no answer in time.
        ConfigurationError, SecretUnavailable
            When the secret holds no URL of a webhook, or cannot be read.
        """
        status = self._post(text)
        if status in GONE_STATUSES and self._url.refresh():
            # The webhook was replaced since its URL was read.
            status = self._post(text)
        if may_work_later(status):
            raise WebhookUnavailable(f"the webhook answered {status}")
        if status >= 300:
            raise WebhookRejected(f"the webhook answered {status}")

    def _post(self, text: str) -> int:
        url = self._url.text().strip()
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ConfigurationError("the secret WEBHOOK_SECRET holds no https URL")
        try:
            # An error's own text would hold the URL, which is the secret: only its kind is told.
            return self._session.post(
                url, json={"text": text}, timeout=TIMEOUTS, allow_redirects=False
            ).status_code
        except NO_ANSWER as error:
            raise WebhookUnavailable(
                f"the webhook gave no answer: {type(error).__name__}"
            ) from None
        except requests.RequestException as error:
            kind = type(error).__name__
            raise ConfigurationError(f"the webhook cannot be called: {kind}") from None


def handler(signup: Signup, _context: object) -> Signup:
    """Return the sign-up as it came. The message holds ids only, no personal data.

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
    """Return the webhook that the environment variable describes, the same one every time."""
    return Webhook(Secret(config.required("WEBHOOK_SECRET")), requests.Session())
