"""Announce a message of a topic."""

import logging

log = logging.getLogger()


def handler(event, _context):
    """Log the text of each message."""
    for record in event["Records"]:
        log.warning("announced %s", record["Sns"]["Message"])
