"""Has a service that answers later analyse texts, one call after another or many at once."""
