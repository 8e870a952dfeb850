from crashtool.services.transport.balance import WEIGHED, Balance


def test_a_network_that_outruns_deflating_gets_the_rest_as_it_is():
    balance = Balance()
    balance.add(WEIGHED - 1, 1.0, 0.01)
    assert not balance.is_network_faster
    balance.add(1, 0.0, 0.0)
    assert balance.is_network_faster


def test_it_is_deflated_again_once_the_network_is_slower_than_that_was():
    balance = Balance()
    balance.add(WEIGHED, 1.0, 0.2)
    assert balance.is_network_faster
    balance.add(WEIGHED, 0.0, 0.9)
    assert balance.is_network_faster
    balance.add(WEIGHED, 0.0, 1.1)
    assert not balance.is_network_faster
    balance.add(WEIGHED, 1.0, 0.3)
    assert not balance.is_network_faster
