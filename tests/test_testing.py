import pytest

from chainopt import ChainError, JacobianChain, optimal_order
from chainopt.testing import FAMILIES, KNOWN_CHAINS, chain_dims


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("factors", [1, 2, 3, 50])
def test_every_family_is_seeded_and_of_the_asked_length(family, factors):
    dims = chain_dims(family, factors, seed=3)
    assert dims == chain_dims(family, factors, seed=3)
    assert len(dims) == factors + 1
    assert {type(size) for size in dims} == {int}
    assert min(dims) >= 0
    if factors == 50 and family != "all equal":
        assert dims != chain_dims(family, factors, seed=4)


def test_families_are_what_they_are_called():
    up = chain_dims("sorted", 40)
    assert up == sorted(up)
    assert chain_dims("sorted down", 40) == up[::-1]
    assert len(set(chain_dims("all equal", 40))) == 1
    assert set(chain_dims("ones", 400)) == {1, 2}
    assert 0 in chain_dims("zeros", 40)
    assert min(chain_dims("huge", 40)) >= 10**30
    assert len(set(chain_dims("alternating", 40))) == 2
    bitonic = chain_dims("bitonic", 40)
    top = bitonic.index(max(bitonic))
    assert bitonic[: top + 1] == sorted(bitonic[: top + 1])
    assert bitonic[top:] == sorted(bitonic[top:])[::-1]
    middle = chain_dims("bottleneck", 40)
    assert middle.index(min(middle)) == 20


def test_what_cannot_be_made():
    with pytest.raises(ChainError, match="family is 'odd': give one of 'random'"):
        chain_dims("odd", 3)
    with pytest.raises(ChainError, match="factors is 0"):
        chain_dims("random", 0)


@pytest.mark.parametrize("name", KNOWN_CHAINS)
def test_known_chains_have_sizes_and_sources(name):
    known = KNOWN_CHAINS[name]
    assert known.dims == list(known.sizes)[::-1]
    assert min(known.sizes) > 0
    assert any(character.isdigit() for character in known.source)  # a year
    mode = optimal_order(JacobianChain.from_dims(known.dims)).mode
    reverse = {"LeNet-5", "AlexNet", "physics-informed network, Burgers", "Lorenz-96, 20 steps"}
    assert mode == ("reverse" if name in reverse else "forward" if name == "DCGAN generator" else "hybrid")
