"""Mails of shops and banks, read from a mailbox that its person connected."""
