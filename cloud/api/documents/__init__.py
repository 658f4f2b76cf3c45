"""OpenAPI of each API family, made from its handlers: what they take, answer and refuse.

Nothing is written down twice: bodies and answers are the handlers' own Structs, scopes and failures their
`opt`, limits and headers what the service puts on every answer. A new route appears by itself.
"""
