"""The public book as one file, and its verification by someone who trusts nobody.

`service.Export` writes the file; `verifier.Verifier` reads it with nothing but the base installation: no web
framework, no database. Both use the same leaves, tree, formulas and rules, which are pure.
"""
