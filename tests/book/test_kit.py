"""The checks of "Break it" accuse no correct network: a sample of the 100 of tools/check_kit."""

import pytest

from tools.check_kit import accusations, correct_networks, load_kit

EXTREMES = [n for n in correct_networks() if n[1] == 8 or n[1:] == (512, 1)]
SAMPLE = [*EXTREMES, ("RNN", 512, 3), ("GRU", 200, 2), ("LSTM", 120, 3)]


@pytest.fixture(scope="module")
def kit():
    return load_kit()


@pytest.mark.parametrize(("kind", "units", "layers"), SAMPLE)
def test_no_correct_network_is_accused(kit, kind, units, layers):
    assert accusations(kit, kind, units, layers, seed=1) == []


def test_the_100_networks_cover_the_usual_sizes():
    networks = correct_networks()
    assert len(networks) == 100
    assert {kind for kind, _, _ in networks} == {"RNN", "GRU", "LSTM"}
    assert {layers for _, _, layers in networks} == {1, 2, 3}
    assert {8, 512} <= {units for _, units, _ in networks} <= set(range(8, 513))
