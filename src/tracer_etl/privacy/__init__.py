"""The rights of the people behind the rows: withdrawal, erasure, pseudonyms, and a log of what was done with their data.

persons     whose rows are whose: the registry, and where else its key stands
requests    erasures.csv: who asked for what
withdrawal  leaves people out of what is built and loaded
footprint   what there is of somebody, in landing, files and tables
erasing     takes all of it away, and proves it
pseudonyms  keyed names for people and submissions, for what is published
texts       numbers and addresses that identify somebody, in free text
pdp_log     the append-only log of erasures, exports and extracts
"""
