"""The functions of the flow user_onboarding."""
