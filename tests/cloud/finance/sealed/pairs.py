"""Key pairs for tests: making one takes a tenth of a second, so they are made once."""

from functools import cache

from lumen_e2ee import DeviceKeys


@cache
def pair(name: str) -> DeviceKeys:
    return DeviceKeys.generate(name)
