"""A sandbox for each developer: the whole investment platform over a database and a clock of its own.

`names.py` says whose sandbox a request is for, `service.py` opens it, `tree.py` is the one routing tree that
serves them all, `due.py` lets everything happen in order of time when the clock is moved.
"""
