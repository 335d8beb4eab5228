"""The life of what is set aside: people look at it, release it or reject it, and say why.

decisions  the log of decisions, and what stands of it
settling   decisions -> states in the warehouse; rows move between `clean` and `quarantine`
desk       what is set aside, as a person reads it
"""
