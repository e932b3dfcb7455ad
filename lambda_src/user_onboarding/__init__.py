"""The functions of the user onboarding."""
