from crashtool.services.transport.balance import SLOW_NETWORK, WEIGHED, Balance


def test_a_network_that_outruns_deflating_gets_the_rest_as_it_is():
    balance = Balance()
    balance.add(WEIGHED - 1, 1.0, 0.01)
    assert not balance.is_network_faster
    balance.add(1, 0.0, 0.0)
    assert balance.is_network_faster
    balance.add(WEIGHED, 0.0, WEIGHED / SLOW_NETWORK * 2)
    assert not balance.is_network_faster
    balance.add(WEIGHED, 1.0, 0.5)
    assert not balance.is_network_faster
