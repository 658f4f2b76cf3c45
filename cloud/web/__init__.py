"""Pages for people: sign-in, consent, and the portal of developers. Server-rendered, without scripts."""
