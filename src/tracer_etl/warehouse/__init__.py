"""Where checked submissions live: one module per database, the same tables in each."""
