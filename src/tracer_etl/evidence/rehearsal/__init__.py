"""A rehearsal of the study: a synthetic registry, and submissions made by filling the real forms.

chance, people, classes, registry   who took which training
careers, trades                     what became of them (the planted truth)
fieldwork, agenda, curbstone        the field season: attempts, times, one dishonest enumerator
interview*, pool, others, phrases   the answers of the six forms
studio, job, placeholders           filling through the engine of ODK Collect
oddities, faults, fault_*, sheet    what is odd but right, and what is wrong
truth, storage, run                 what was planted; zips; the whole in order
"""

from tracer_etl.evidence.rehearsal.run import Summary, rehearse

__all__ = ["Summary", "rehearse"]
