"""Customers: who they are, how they are reached, and where their records come from.

``values`` are frozen and know no database; ``reading``, ``mapping`` and ``normalise`` turn a file into
values; ``importing`` brings them into the store; ``duplicates`` finds who may be one person; ``lookup``
finds people and opens what is sealed.
"""
