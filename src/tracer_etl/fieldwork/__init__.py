"""What goes out to the field: forms, case lists, settings of the phones, and verdicts on submissions."""
