"""The tracer study of Kabupaten Blitar: its estimates, its ranking and its rehearsal."""
