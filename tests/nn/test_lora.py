"""Additions of low rank: what they change, what they leave alone, and what is kept of them."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genmodels.data import TextWindows
from genmodels.language import GPT
from genmodels.model import load
from genmodels.nn import LowRank, add_low_rank, attention_weights, load_low_rank, merge_low_rank, mlp, save_low_rank
from genmodels.storage import Corrupt
from genmodels.training import Shuffled, fit

UP, DOWN = torch.tensor([0, 1, 2, 3, 4]).repeat(40), torch.tensor([4, 3, 2, 1, 0]).repeat(40)


def small_gpt() -> GPT:
    torch.manual_seed(0)
    return GPT(tokens=5, width=16, layers=2, heads=2, length=10, lr=1e-2)


def trained(gpt: GPT, text: Tensor, steps: int, folder: Path | None = None) -> GPT:
    batches = Shuffled(TextWindows(text, 10, stride=1), 16)
    fit(gpt, gpt.updates(), batches, steps=steps, folder=folder, precision="fp32", device="cpu", quiet=True)
    return gpt


def stirred(module: nn.Module) -> None:
    """Additions that are not zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))


def test_it_is_the_formula() -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(5, 3), torch.randn(4, 2, 5)
    layer = LowRank(linear, rank=2, alpha=6.0)
    stirred(layer)
    assert layer.a.shape == (2, 5)
    assert layer.b.shape == (3, 2)
    torch.testing.assert_close(layer(x), x @ (linear.weight + 3.0 * layer.b @ layer.a).T + linear.bias)


def test_at_first_nothing_changes() -> None:
    gpt, x = small_gpt().eval(), UP[None, :9]
    before, names = gpt.scan(x), list(gpt.state_dict())
    assert add_low_rank(gpt, rank=4, layers=("query", "key_value")) is gpt
    assert torch.equal(gpt.scan(x), before)
    assert [name for name in gpt.state_dict() if not name.endswith((".a", ".b"))] == names, "what was there keeps its name"


def test_only_the_additions_learn() -> None:
    gpt = trained(small_gpt(), UP, 40)
    before = {name: tensor.clone() for name, tensor in gpt.state_dict().items()}
    loss_before = gpt.loss(DOWN[None, :10])[0].item()
    add_low_rank(gpt, rank=4)
    few = sum(parameter.numel() for parameter in gpt.parameters() if parameter.requires_grad)
    # each of two blocks: query 16 -> 16, key and value 16 -> 32, out 16 -> 16, widen 16 -> 64, narrow 64 -> 16
    assert few == 2 * 4 * (32 + 48 + 32 + 80 + 80)
    update = gpt.updates()[0]
    assert sum(parameter.numel() for parameter in update.parameters) == few
    trained(gpt, DOWN, 50)
    after = gpt.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(after[name].any() for name in after if name.endswith(".b"))
    assert gpt.loss(DOWN[None, :10])[0].item() < 0.8 * loss_before


def test_merged_it_is_the_same_and_plain(tmp_path: Path) -> None:
    gpt, x = small_gpt().eval(), torch.randint(5, (3, 9), generator=torch.Generator().manual_seed(0))
    plain = [type(module) for module in gpt.modules()]
    add_low_rank(gpt, rank=3, alpha=5.0, layers=["query", "blocks.1.narrow"])
    stirred(gpt)
    told, adapted = gpt.scan(x), copy.deepcopy(gpt)
    assert merge_low_rank(gpt) is gpt
    torch.testing.assert_close(gpt.scan(x), told, atol=1e-5, rtol=1e-5)
    assert torch.equal(adapted.scan(x), told)
    assert [type(module) for module in gpt.modules()] == plain
    assert all(parameter.requires_grad for parameter in gpt.parameters())
    gpt.save(tmp_path)
    loaded = load(tmp_path)
    assert isinstance(loaded, GPT)
    assert torch.equal(loaded.scan(x), gpt.scan(x))


def test_what_is_kept_is_small_and_comes_back(tmp_path: Path) -> None:
    gpt, x = small_gpt().eval(), UP[None, :9]
    plain = copy.deepcopy(gpt)
    add_low_rank(gpt, rank=1, alpha=3.0, layers="attention.out")
    stirred(gpt)
    save_low_rank(tmp_path / "style", gpt)
    again = load_low_rank(tmp_path / "style", plain)
    assert torch.equal(again.scan(x), gpt.scan(x))
    assert [name for name, parameter in again.named_parameters() if parameter.requires_grad] == [
        f"stack.blocks.{block}.attention.out.{part}" for block in (0, 1) for part in ("a", "b")
    ]
    weights = tmp_path / "style" / "low_rank.safetensors"
    assert weights.stat().st_size < 4 * 2 * (16 + 16) + 1000  # numbers, and their names
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(Corrupt, match=r"low_rank\.safetensors"):
        load_low_rank(tmp_path / "style", small_gpt())


def test_a_run_is_found_again_in_its_folder(tmp_path: Path) -> None:
    whole, parts = (add_low_rank(small_gpt(), rank=2, layers="query") for _ in range(2))
    trained(whole, DOWN, 6)
    trained(parts, DOWN, 6, tmp_path)
    torch.manual_seed(1)
    shorter = add_low_rank(small_gpt(), rank=2, layers="query")
    trained(shorter, DOWN, 6, tmp_path)  # complete: what it holds comes from the checkpoint
    for other in (parts, shorter):
        assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), other.state_dict().values(), strict=True))


def test_attention_looks_where_the_additions_let_it() -> None:
    gpt = add_low_rank(small_gpt().eval(), layers="query")
    stirred(gpt)
    with attention_weights(gpt) as weights:
        gpt.begin(UP[None, :6])
    merged = merge_low_rank(gpt)
    with attention_weights(merged) as of_merged:
        merged.begin(UP[None, :6])
    assert len(weights) == 2
    for name, each in weights.items():
        torch.testing.assert_close(each, of_merged[name], atol=1e-5, rtol=1e-5)


def test_a_layer_in_two_places_stays_one(tmp_path: Path) -> None:
    shared = nn.Linear(3, 3)
    net, x = nn.Sequential(shared, nn.Sequential(shared, nn.ReLU())), torch.randn(2, 3)
    plain = copy.deepcopy(net)
    add_low_rank(net, rank=1)
    assert net[0] is net[1][0]
    stirred(net)
    told = net(x)
    save_low_rank(tmp_path, net)
    torch.testing.assert_close(load_low_rank(tmp_path, plain)(x), told)
    assert merge_low_rank(net)[0] is net[1][0]
    torch.testing.assert_close(net(x), told)


def test_a_name_is_whole_where_it_is_kept(tmp_path: Path) -> None:
    """ "0" alone is not "1.0" too, though it is its end."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    named = copy.deepcopy(net)
    add_low_rank(net, rank=1, layers="0")
    assert isinstance(net[1][0], LowRank), "an end names all that end so"
    only = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Identity()))
    save_low_rank(tmp_path, add_low_rank(only, rank=1, layers="0"))
    load_low_rank(tmp_path, named)
    assert isinstance(named[0], LowRank)
    assert type(named[1][0]) is nn.Linear


def test_layers_that_are_used_otherwise_are_left_alone() -> None:
    net = nn.ModuleDict({"attention": nn.MultiheadAttention(4, 2), "linear": nn.Linear(4, 4, bias=False)})
    add_low_rank(net, rank=1)
    assert not isinstance(net["attention"].out_proj, LowRank)
    stirred(net)
    x = torch.randn(2, 4)
    told = net["linear"](x)
    torch.testing.assert_close(merge_low_rank(net)["linear"](x), told)


def test_bad_input(tmp_path: Path) -> None:
    net = mlp([4, 5, 3])
    with pytest.raises(ValueError, match="rank: at least 1, not 0"):
        add_low_rank(net, rank=0)
    for layers in ("nowhere", ["0", "nowhere"], []):
        with pytest.raises(ValueError, match=r"layers: .* has a name of no layer; the linear ones within are 0, 2"):
            add_low_rank(net, layers=layers)
    with pytest.raises(ValueError, match="within are none"):
        add_low_rank(nn.Linear(2, 2))
    assert all(parameter.requires_grad for parameter in net.parameters()), "what was refused has changed nothing"
    for call in (merge_low_rank, lambda module: save_low_rank(tmp_path, module)):
        with pytest.raises(ValueError, match="module: it has no additions of low rank"):
            call(net)
    add_low_rank(net)
    with pytest.raises(ValueError, match="module: it has additions of low rank already"):
        add_low_rank(net)
    save_low_rank(tmp_path, net)
    with pytest.raises(ValueError, match=r"module: .* adds to 0 of shape \(5, 4\), here it is \(6, 4\)"):
        load_low_rank(tmp_path, mlp([4, 6, 3]))
    with pytest.raises(ValueError, match=r"here it is missing"):
        load_low_rank(tmp_path, nn.Sequential(nn.ReLU()))
