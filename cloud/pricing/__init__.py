"""What a kilowatt-hour costs now and in the next 24 hours, and why.

`formula.py` is the rule; `service.Pricing` keeps the price in force, its history and the forecast.
"""
