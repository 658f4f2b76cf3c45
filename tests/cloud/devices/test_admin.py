"""What an admin sets of a device on the command line."""

import math

import pytest

from cloud.app import Parts
from cloud.devices.errors import UnknownDevice
from cloud.devices.service import Devices
from cloud.errors import BadRequest

DEVICE = "rpi-4b-prod-01"


@pytest.fixture(autouse=True)
async def known(parts: Parts, devices: Devices) -> None:
    async with parts.store.write() as tx:
        await devices.first_contact(tx, DEVICE, "127.0.0.1")


async def test_the_energy_scale_is_set_within_its_range(devices: Devices) -> None:
    for scale in (1, 1000, 1_000_000):
        assert (await devices.set_energy_scale(DEVICE, scale)).energy_scale == scale
    for scale in (0, -1, 1_000_001):
        with pytest.raises(BadRequest, match="1 to 1000000"):
            await devices.set_energy_scale(DEVICE, scale)


async def test_the_rating_is_a_power_in_watts(devices: Devices) -> None:
    for power_w in (0.5, 5_000, 10_000_000):
        assert (await devices.set_rating(DEVICE, power_w)).power_w_max == power_w
    for power_w in (0, -5, math.nan, math.inf, 10_000_001):
        with pytest.raises(BadRequest, match="power_w_max"):
            await devices.set_rating(DEVICE, power_w)


async def test_an_unknown_device_is_not_found(devices: Devices) -> None:
    with pytest.raises(UnknownDevice):
        await devices.set_energy_scale("nobody", 1)
    with pytest.raises(UnknownDevice):
        await devices.set_rating("nobody", 1)
