import pytest
import torch
from torch import nn

from genmodels.nn import mlp


def test_an_mlp_is_its_layers_with_an_activation_between() -> None:
    torch.manual_seed(0)
    net = mlp((3, 5, 4, 2), activation=nn.ReLU)
    assert sum(p.numel() for p in net.parameters()) == 3 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2
    x = torch.randn(7, 6, 3)
    first, second, last = (module for module in net if isinstance(module, nn.Linear))
    by_hand = last(torch.relu(second(torch.relu(first(x)))))
    assert torch.equal(net(x), by_hand)
    assert (net(100 * x) < 0).any()  # no activation at the end


def test_two_sizes_are_one_linear_layer() -> None:
    (layer,) = mlp((3, 2))
    assert isinstance(layer, nn.Linear)
    assert isinstance(mlp((3, 2, 1))[1], nn.SiLU)


def test_one_size_is_no_mlp() -> None:
    with pytest.raises(ValueError, match=r"the size of its input and of its output, not \(3,\)"):
        mlp((3,))
