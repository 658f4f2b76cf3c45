"""Texts that tell of money: messages, mails, commands, statements and UPI payments, read by rules alone.

Each reader gives a `Reading` or a `Refused` with its reason, and never raises for what a text holds:

- `sms.read_sms(text, sender=, received_at_us=, zone=, currency=)`
- `mime.parse_mail(raw)`: a `Mail` or `Refused`; `mail.read_mail(mail, received_at_us=, zone=, currency=)`
- `command.read_command(text)`: what a chat message wants: `Confirm`, `Reject`, `Summary`, `Help`, `Link` or
  `Note`; a note is read by `note.read_note(text, sent_at_us=, zone=, currency=)`
- `statement.read_statement(data, zone=, currency=)`:
  for each line of a CSV or OFX file a `Line`, or `Refused`
- `upi.read_upi(payment)`
"""
