import pytest
import torch

from genmodels.data import TextWindows
from genmodels.language import SpanCorruption, corrupted, restored


def test_by_hand() -> None:
    text = torch.tensor([4, 5, 6, 7, 8, 9])
    gone = torch.tensor([True, False, False, True, True, False])
    source, target = corrupted(text, gone, first=10)
    assert source.tolist() == [10, 5, 6, 11, 9]
    assert target.tolist() == [10, 4, 11, 7, 8, 12]
    assert restored(source, target, first=10).tolist() == text.tolist()


def test_nothing_gone_and_all_gone() -> None:
    text = torch.tensor([1, 2])
    assert [each.tolist() for each in corrupted(text, torch.tensor([False, False]), 5)] == [[1, 2], [5]]
    assert [each.tolist() for each in corrupted(text, torch.tensor([True, True]), 5)] == [[5], [5, 1, 2, 6]]


def test_any_text_comes_back_as_it_was() -> None:
    generator = torch.Generator().manual_seed(0)
    for share in (0.1, 0.5, 0.9):
        for _ in range(50):
            text = torch.randint(7, (30,), generator=generator)
            gone = torch.rand(30, generator=generator) < share
            source, target = corrupted(text, gone, first=7)
            assert torch.equal(restored(source, target, first=7), text)
            assert ((source < 7).sum() + (target < 7).sum()).item() == 30


def test_what_a_model_wrote_may_lack_or_repeat_sentinels() -> None:
    source = torch.tensor([1, 10, 2, 11, 3])
    assert restored(source, torch.tensor([9, 11, 5, 12, 12]), first=10).tolist() == [1, 2, 5, 3]


def test_so_much_is_gone_in_so_many_spans() -> None:
    data = SpanCorruption(TextWindows(torch.arange(400), 100), first=400, share=0.15, mean=3.0)
    source, target = data[torch.arange(4)]
    assert data.sentinels == 6
    assert source.shape == (4, 100 - 15 + 5)
    assert target.shape == (4, 15 + 6)
    assert (target[:, -1] == 405).all()
    for i in range(4):
        assert torch.equal(restored(source[i], target[i], 400), torch.arange(100 * i, 100 * i + 100))
        assert source[i][source[i] >= 400].tolist() == [400, 401, 402, 403, 404]
    assert not torch.equal(source[0] >= 400, source[1] >= 400)


def test_spans_are_everywhere_alike() -> None:
    data = SpanCorruption(torch.zeros(2000, 12, dtype=torch.int64), first=1, share=0.25, mean=1.5)
    source, target = data[torch.arange(2000)]
    assert torch.equal(SpanCorruption(data.texts, 1, 0.25, 1.5)[torch.tensor([7])][0], source[7:8])
    lengths = (target == 2).int().argmax(1) - 1  # of the first span; 1 and 2 are equally likely
    assert set(lengths.tolist()) == {1, 2}
    assert (lengths == 1).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="first: sentinels begin above the tokens, of which one is 7; not at 5"):
        corrupted(torch.tensor([7]), torch.tensor([True]), first=5)
    with pytest.raises(ValueError, match=r"share: of 10 tokens some go and some stay; 0\.01 of them are 0"):
        SpanCorruption(torch.zeros(1, 10), first=5, share=0.01)
    with pytest.raises(ValueError, match=r"mean: a span has at least one token, not 0\.5"):
        SpanCorruption(torch.zeros(1, 10), first=5, mean=0.5)
