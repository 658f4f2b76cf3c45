"""Photos, scans and PDF files of receipts as readings: `reader.py` is the face, `fields.py` the rules."""
