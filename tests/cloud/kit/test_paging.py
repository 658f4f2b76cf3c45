"""Pages of a numbered list."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.kit.paging import page_count, page_range


@given(st.integers(0, 300), st.integers(1, 100))
def test_the_pages_together_are_the_whole_list_newest_first(total, limit):
    numbers = []
    for page in range(1, page_count(total, limit) + 1):
        above, through = page_range(total, page, limit)
        assert 1 <= through - above <= limit
        numbers += range(through, above, -1)

    assert numbers == list(range(total, 0, -1))


def test_pages_by_hand():
    assert page_range(7, 1, 3) == (4, 7)
    assert page_range(7, 3, 3) == (0, 1)
    assert page_range(7, 4, 3) == (0, 0)
    assert [page_count(total, 3) for total in (0, 1, 3, 4)] == [0, 1, 1, 2]
