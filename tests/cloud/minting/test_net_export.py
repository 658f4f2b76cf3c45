"""Energy that goes there and back is minted once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.minting.net_export import Flow, receive, send


class Bank:
    """Some nodes that pass energy around, and what each has minted."""

    def __init__(self) -> None:
        self.flows: dict[str, Flow] = {}
        self.minted: dict[str, int] = {}
        self.best: dict[str, int] = {}

    def move(self, sender: str, receiver: str, energy_mwh: int, received_mwh: int | None = None) -> int:
        sent = send(self.flows.get(sender, Flow()), energy_mwh)
        self.flows[sender] = sent.flow
        self.flows[receiver] = receive(
            self.flows.get(receiver, Flow()),
            sent_mwh=energy_mwh,
            received_mwh=energy_mwh if received_mwh is None else received_mwh,
        )
        self.minted[sender] = self.minted.get(sender, 0) + sent.net_mwh
        self.best[sender] = max(self.best.get(sender, 0), sent.flow.net_mwh)
        assert sent.net_mwh + sent.circular_mwh == energy_mwh
        assert sent.net_mwh >= 0
        assert sent.circular_mwh >= 0
        return sent.net_mwh


def test_a_node_that_only_gives_mints_it_all():
    bank = Bank()

    assert [bank.move("A", "B", 300) for _ in range(3)] == [300, 300, 300]


def test_the_way_back_and_every_later_round_mint_nothing():
    bank = Bank()

    assert bank.move("A", "B", 1_000) == 1_000
    assert [bank.move("B", "A", 1_000), bank.move("A", "B", 1_000)] * 1 == [0, 0]
    assert [bank.move("B", "A", 400), bank.move("A", "B", 400)] == [0, 0]


def test_losses_on_the_way_make_no_energy():
    bank = Bank()
    # Each way loses a tenth: A gives 1000, B gets 900 and gives 900, A gets 810 and gives 810.
    minted = [
        bank.move("A", "B", 1_000, 900),
        bank.move("B", "A", 900, 810),
        bank.move("A", "B", 810, 729),
    ]

    assert minted == [1_000, 0, 0]


def test_a_node_that_was_charged_by_the_sun_mints_that():
    bank = Bank()
    bank.move("A", "B", 1_000)

    # B got 1000 by transfer and 500 from its panel, and gives 1500.
    assert bank.move("B", "A", 1_500) == 500


def test_a_receiver_that_hides_what_it_got_still_owes_half():
    bank = Bank()
    bank.move("A", "B", 1_000, received_mwh=0)

    assert bank.move("B", "A", 500) == 0


nodes = st.sampled_from("ABCD")
moves = st.lists(st.tuples(nodes, nodes, st.integers(1, 10_000)).filter(lambda m: m[0] != m[1]), max_size=40)


@given(moves)
@settings(max_examples=200)
def test_no_node_ever_mints_more_than_its_best_net_export(sequence):
    bank = Bank()
    for sender, receiver, energy_mwh in sequence:
        bank.move(sender, receiver, energy_mwh)

    assert bank.minted == bank.best


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=40))
@settings(max_examples=100)
def test_a_shuttle_mints_no_more_than_what_was_in_the_first_cell(legs):
    """A holds 10,000 and B nothing; whatever they pass there and back, 10,000 is all there was."""
    bank = Bank()
    held = {"A": 10_000, "B": 0}
    for number, wanted in enumerate(legs):
        sender, receiver = ("A", "B") if number % 2 == 0 else ("B", "A")
        energy_mwh = min(wanted, held[sender])
        if not energy_mwh:
            continue
        held[sender] -= energy_mwh
        held[receiver] += energy_mwh
        bank.move(sender, receiver, energy_mwh)

    assert sum(bank.minted.values()) <= 10_000
