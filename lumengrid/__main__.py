"""`python -m lumengrid`."""

from lumengrid.cli import main

main()
