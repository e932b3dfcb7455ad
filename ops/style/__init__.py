"""How the project's texts are written, and the check of it."""
