"""Checks on what is loaded: those that need other submissions, reference tables, or the marts.

rules     what expectations/study/*.yaml states
registry  checks written in Python, by name
judged    what a rule sees: all submissions but those something else holds back
evaluate  one check -> its result
judging   all checks of a stage, in one transaction: reasons, findings, results
results   what came of the last run, as a person reads it
arguments, stored_files                 what a check in Python is given: rows, limits, files of the landing
similarity, grids, photos, audits       how one interview was made
funnels, backchecks                     how one enumerator works beside the team
"""
