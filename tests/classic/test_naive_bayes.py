"""Counts against those made by hand, and sums over everything that is possible."""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.classic import NaiveBayes
from genmodels.metrics import histogram_nats, naive_bayes_nats, pixel_nats


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def outfits(n: int, levels: Sequence[int], seed: int = 0) -> Tensor:
    shares = torch.rand(n, len(levels), generator=seeded(seed))
    return (shares.square() * torch.tensor(levels)).long()


def everything(levels: Sequence[int]) -> Tensor:
    return torch.tensor(list(itertools.product(*(range(level) for level in levels))))


def bits(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images of 3 x 4 bits of three kinds, and which."""
    labels = torch.randint(3, (n,), generator=seeded(seed))
    frequency = torch.rand(3, 1, 3, 4, generator=seeded(9))
    return torch.bernoulli(frequency[labels], generator=seeded(seed + 1)), labels


def test_probabilities_are_the_smoothed_counts() -> None:
    model = NaiveBayes(shape=(2,), levels=(2, 3), smoothing=0.5)
    model.fit(torch.tensor([[0, 2], [0, 1], [1, 2], [0, 2]]))
    first = {0: 3.5 / 5, 1: 1.5 / 5}
    second = {0: 0.5 / 5.5, 1: 1.5 / 5.5, 2: 3.5 / 5.5}
    for a, b in itertools.product(first, second):
        nats = model.log_prob(torch.tensor([[a, b]])).nats.item()
        assert nats == pytest.approx(math.log(first[a] * second[b]), abs=1e-12)


def test_a_class_is_chosen_by_bayes_rule() -> None:
    x, y = torch.tensor([[0, 0], [0, 1], [1, 1]]), torch.tensor([0, 0, 1])
    model = NaiveBayes(shape=(2,), levels=2, classes=2)
    model.fit(TensorDataset(x, y))
    # priors (2 + 1) / 5 and (1 + 1) / 5; of class 0 the counts are (2, 0), (1, 1), of class 1 (0, 1), (0, 1)
    joint = [3 / 5 * (1 / 4) * (2 / 4), 2 / 5 * (2 / 3) * (2 / 3)]
    told = model.log_joint(torch.tensor([[1, 1]]))
    assert told.exp().tolist()[0] == pytest.approx(joint, abs=1e-12)
    assert model.log_prob(torch.tensor([[1, 1]])).nats.exp().item() == pytest.approx(sum(joint), abs=1e-12)
    assert model.classify(torch.tensor([[1, 1]]))[0, 0].item() == pytest.approx(joint[0] / sum(joint), abs=1e-12)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_the_joint_sums_to_one(classes: int, smoothing: float) -> None:
    levels = (2, 5, 3, 4)
    model = NaiveBayes(shape=(4,), levels=levels, classes=classes, smoothing=smoothing)
    model.fit(TensorDataset(outfits(60, levels), torch.arange(60) % classes))
    assert model.log_prob(everything(levels)).nats.exp().sum().item() == pytest.approx(1.0, abs=1e-12)
    assert model.log_joint(everything(levels)).exp().sum().item() == pytest.approx(1.0, abs=1e-12)


def test_images_sum_to_one_too() -> None:
    model = NaiveBayes(shape=(1, 1, 3), levels=4)
    model.fit(torch.rand(30, 1, 1, 3, generator=seeded()))
    images = everything((4, 4, 4)).view(-1, 1, 1, 3) / 3
    assert model.log_prob(images).nats.exp().sum().item() == pytest.approx(1.0, abs=1e-12)


def test_without_smoothing_what_was_never_seen_is_impossible_and_a_class_may_be_empty() -> None:
    model = NaiveBayes(shape=(2,), levels=3, classes=3, smoothing=0.0)
    model.fit(TensorDataset(torch.tensor([[0, 1], [0, 2]]), torch.tensor([0, 2])))
    nats = model.log_prob(torch.tensor([[0, 1], [0, 2], [1, 1]])).nats.tolist()
    assert nats == pytest.approx([math.log(0.5), math.log(0.5), -math.inf])
    assert set(map(tuple, model.sample(200, generator=seeded()).tolist())) == {(0, 1), (0, 2)}


def test_it_is_what_the_floors_count() -> None:
    (train, y), (test, _) = bits(300), bits(100, seed=5)
    plain, kinds = NaiveBayes(shape=(1, 3, 4)), NaiveBayes(shape=(1, 3, 4), classes=3)
    plain.fit(train)
    kinds.fit(TensorDataset(train, y))
    assert -plain.log_prob(test).nats.mean().item() == pytest.approx(pixel_nats(train, test), abs=1e-9)
    # the floor does not smooth the share of each class
    assert -kinds.log_prob(test).nats.mean().item() == pytest.approx(naive_bayes_nats(train, y, test), abs=1e-3)


def test_bytes_are_their_own_levels() -> None:
    images = torch.arange(256, dtype=torch.uint8).repeat(3)[torch.randperm(768, generator=seeded())].view(-1, 1, 2, 2)
    model = NaiveBayes(shape=(1, 2, 2), levels=256)
    model.fit(images[:100])
    assert -model.log_prob(images[100:]).nats.mean().item() == pytest.approx(
        histogram_nats(images[:100], images[100:]), abs=1e-9
    )
    level = (255 * model.sample(50, generator=seeded())).round()
    assert (level.to(torch.uint8).unsqueeze(1) == images[:100]).any(1).float().mean() > 0.2
    assert torch.equal(model.log_prob(level / 255).nats, model.log_prob(level.to(torch.uint8)).nats)


def test_samples_have_the_frequencies_of_the_model() -> None:
    levels = (2, 3)
    data, y = outfits(200, levels), torch.arange(200) % 4 // 3
    model = NaiveBayes(shape=(2,), levels=levels, classes=2)
    model.fit(TensorDataset(data, y))
    n = 20_000
    made = model.sample(n, generator=seeded()).long()
    for x in everything(levels):
        p = model.log_prob(x[None]).nats.exp().item()
        assert (made == x).all(1).float().mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n))


def test_samples_of_a_class_are_of_that_class() -> None:
    train, y = bits(600)
    model = NaiveBayes(shape=(1, 3, 4), classes=3)
    model.fit(TensorDataset(train, y))
    asked = torch.arange(3000) % 3
    made = model.sample(3000, cond=asked, generator=seeded())
    for label in range(3):
        # E p(label | x) over samples of a label, and over fresh examples of it, which are no other distribution
        fresh, of = bits(3000, seed=7)
        own, real = (model.classify(x)[:, label].mean().item() for x in (made[asked == label], fresh[of == label]))
        assert own == pytest.approx(real, abs=0.06)


def test_features_are_independent_in_samples_even_where_they_are_not_in_the_data() -> None:
    """The failure: two pixels that are always equal are drawn as if they had nothing to do with each other."""
    one = (torch.arange(400) % 2).float().view(-1, 1, 1, 1)
    model = NaiveBayes(shape=(1, 1, 2))
    model.fit(one.expand(-1, 1, 1, 2))
    made = model.sample(4000, generator=seeded()).flatten(1)
    assert (made[:, 0] == made[:, 1]).float().mean().item() == pytest.approx(0.5, abs=0.04)


def test_what_is_no_category_is_refused() -> None:
    model = NaiveBayes(shape=(2,), levels=(2, 3))
    for bad in ([[0.5, 1.0]], [[0.0, 3.0]], [[-1.0, 0.0]], [[math.nan, 0.0]]):
        with pytest.raises(ValueError, match="whole number from 0"):
            model.fit(torch.tensor(bad))
    with pytest.raises(ValueError, match=r"floats in \[0, 1\]"):
        NaiveBayes(shape=(1, 1, 2)).fit(torch.tensor([[[[0.0, 2.0]]]]))
    kinds = NaiveBayes(shape=(2,), classes=2)
    with pytest.raises(ValueError, match="a label for each example"):
        kinds.fit(torch.zeros(4, 2))
    for labels in (torch.tensor([0, 2]), torch.tensor([0, -1]), torch.tensor([0.0, 1.0])):
        with pytest.raises(ValueError, match="labels are whole numbers from 0 to 1"):
            kinds.fit(TensorDataset(torch.zeros(2, 2), labels))
    assert not kinds.has_seen_data
