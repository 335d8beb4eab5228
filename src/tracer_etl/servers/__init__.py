"""Where submissions come from; a server yields them as received, never typed, never trimmed."""
