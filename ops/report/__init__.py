"""``make report``: one HTML file that shows what ran, and what could not go on."""
