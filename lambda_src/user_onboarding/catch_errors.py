"""CatchErrors: keep a sign-up whose user could not be onboarded, and tell the bus of it."""

from __future__ import annotations

from flowbridge.failures import CatchErrors

handler = CatchErrors("user_onboarding", "User Onboarding Failed")
