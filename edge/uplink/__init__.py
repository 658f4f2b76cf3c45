"""The way to the cloud: records out of the journal, acknowledgements, commands, holds and prices in.

    window     how far each stream was sent, and when to begin again (go-back-N)
    commands   a signed command: checked, answered once, kept until it ends
    prices     the last price and forecast, with the time they came
    mqtt       all of it over MQTT
    http       the way for an agent that has no broker: the present, energy reports, commands

Nothing leaves the journal on the broker's word: only the cloud's own signed answer releases a record.
"""
