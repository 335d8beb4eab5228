"""Corrections people make to answers: a reviewed log, replayed on the typed tables in every build.

log       corrections.csv against the Schema: which cell, which value
replay    the log on the tables of a staging folder, in SQL
standing  what became of every line
"""
