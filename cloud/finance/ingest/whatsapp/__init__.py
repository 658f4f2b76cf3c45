"""Purchases told by WhatsApp, through Twilio: text, pictures and commands from a phone that was linked."""
