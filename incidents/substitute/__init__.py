"""The substitute notice: a public page in place of notices to people who cannot be reached.

It is drafted from the record, approved by a second person over the digest of its pages, published, and looked
at from outside each day it stands, so that its publication can be proven.
"""
