import pytest

from engine.errors import UsageError
from jobs.run_loop import Budget, parse_budget


@pytest.mark.parametrize("text", ["", "lots", "%", "-1", "-1%", "101%", "nan%", "inf", "1.5", "1,5%", "0x10", "1%%"])
def test_a_failure_budget_is_a_share_or_a_number(text):
    with pytest.raises(UsageError) as caught:
        parse_budget(text)
    assert (caught.value.code, caught.value.where, caught.value.fix) == ("BUDGET_VALUE", "--max-failures", "1% or 20")


def test_a_failure_budget_allows_what_it_says():
    assert parse_budget("0") == Budget(count=0)
    assert parse_budget("2.5%") == Budget(share=0.025)
    assert [parse_budget("1%").allows(failed, 200) for failed in (0, 2, 3)] == [True, True, False]
    assert [parse_budget("2").allows(failed, 1_000_000) for failed in (0, 2, 3)] == [True, True, False]
    assert parse_budget("100%").allows(7, 7)
