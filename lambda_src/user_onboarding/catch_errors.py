"""CatchErrors: queue a sign-up whose onboarding failed, and publish the failure."""

from __future__ import annotations

from flowbridge.catch_errors import CatchErrors

handler = CatchErrors("user_onboarding", "User Onboarding Failed")
