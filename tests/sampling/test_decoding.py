"""Decoders, against texts that can be counted."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.language import GPT
from genmodels.sampling import beam_search, generate
from genmodels.sampling.decoding import FREE, likeliest, nucleus, penalised

NOTHING = torch.empty(1, 0, dtype=torch.int64)


class Chain:
    """The next token depends on the last one: `table` (V, V) of probabilities, and `start` (V,) after nothing."""

    def __init__(self, start: list[float], table: list[list[float]]) -> None:
        self.logits = torch.tensor([*table, start]).log()  # the last row is for no token at all
        self.advanced = 0

    def begin(self, prompt: Tensor) -> tuple[Tensor, Tensor]:
        last = prompt[:, -1] if prompt.shape[1] else torch.full((len(prompt),), len(self.logits) - 1)
        return self.logits[last], last

    def advance(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        assert token.shape == state.shape
        self.advanced += 1
        return self.logits[token], token

    def pick(self, state: Tensor, rows: Tensor) -> Tensor:
        return state[rows]


class Memory:
    """The next token depends on all before it, so that a state which goes astray is noticed."""

    def __init__(self, symbols: int) -> None:
        self.symbols = symbols

    def begin(self, prompt: Tensor) -> tuple[Tensor, Tensor]:
        return torch.stack([self.after(text) for text in prompt.tolist()]), prompt

    def advance(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.begin(torch.cat([state, token[:, None]], 1))

    def pick(self, state: Tensor, rows: Tensor) -> Tensor:
        return state[rows]

    def after(self, text: list[int]) -> Tensor:
        number = sum((token + 1) * (self.symbols + 1) ** place for place, token in enumerate(text))
        return 2.0 * torch.randn(self.symbols, generator=torch.Generator().manual_seed(number))

    def nats(self, text: tuple[int, ...], prompt: tuple[int, ...] = ()) -> float:
        """log p of a text after a prompt."""
        whole = [*prompt, *text]
        return sum(
            self.after(whole[:place]).double().log_softmax(-1)[whole[place]].item() for place in range(len(prompt), len(whole))
        )


UPHILL = Chain([0.6, 0.4, 0.0], [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])  # the better text begins worse


# --------------------------------------------------------------------------------------------------------------- logits


def kept(logits: Tensor) -> list[int]:
    return logits.isfinite().nonzero().flatten().tolist()


def test_the_k_likeliest_keep_their_logits() -> None:
    logits = torch.tensor([[1.0, 4.0, 2.0, 3.0], [9.0, 0.0, 8.0, 7.0]])
    assert likeliest(logits, 2).tolist() == [[-math.inf, 4.0, -math.inf, 3.0], [9.0, -math.inf, 8.0, -math.inf]]
    assert torch.equal(likeliest(logits, 7), logits)


def test_two_that_are_equally_likely_are_not_both_the_likeliest() -> None:
    assert len(kept(likeliest(torch.zeros(5), 3))) == 3


@pytest.mark.parametrize(("p", "expected"), [(0.01, [1]), (0.35, [1]), (0.65, [1, 3]), (0.75, [0, 1, 3]), (0.95, [0, 1, 2, 3])])
def test_a_nucleus_is_the_fewest_with_mass_enough(p: float, expected: list[int]) -> None:
    logits = torch.tensor([0.2, 0.4, 0.1, 0.3]).log() + 5.0  # logits matter up to a constant
    found = nucleus(logits, p)
    assert kept(found) == expected
    assert torch.equal(found[expected], logits[expected])


def test_a_penalty_lowers_what_was_said_whatever_its_sign() -> None:
    said = torch.tensor([True, True, False, False])
    assert penalised(torch.tensor([3.0, -3.0, 3.0, -3.0]), said, 1.5).tolist() == [2.0, -4.5, 3.0, -3.0]


# -------------------------------------------------------------------------------------------------------- token by token


def shares(**options: Any) -> Tensor:
    """How often each first token is drawn, of 4,000 texts."""
    chain = Chain([0.1, 0.2, 0.3, 0.4], [[0.25] * 4] * 4)
    return generate(chain, NOTHING.expand(4000, 0), 1, **options).flatten().bincount(minlength=4) / 4000


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.1, 0.2, 0.3, 0.4]),
        ({"temperature": 0.5}, [1 / 30, 4 / 30, 9 / 30, 16 / 30]),
        ({"top_k": 2}, [0, 0, 3 / 7, 4 / 7]),
        ({"top_p": 0.8}, [0, 2 / 9, 3 / 9, 4 / 9]),
        ({"temperature": 0.5, "top_k": 3, "top_p": 0.6}, [0, 0, 9 / 25, 16 / 25]),  # 16 of 29 are less than that, 25 are more
    ],
)
def test_tokens_come_as_often_as_they_should(options: dict[str, Any], expected: list[float]) -> None:
    for found, p in zip(shares(**options).tolist(), expected, strict=True):
        assert found == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 4000))


def test_greedy_takes_the_likeliest_each_time() -> None:
    assert generate(UPHILL, NOTHING, 4, temperature=0.0).tolist() == [[0, 0, 0, 0]]
    assert generate(UPHILL, torch.tensor([[1]]), 3, temperature=0.0).tolist() == [[2, 2, 2]]
    memory, prompts = Memory(5), torch.arange(5)[:, None]
    greedy = generate(memory, prompts, 6, temperature=0.0)
    assert torch.equal(greedy, generate(memory, prompts, 6, temperature=1e-6))
    assert torch.equal(greedy, generate(memory, prompts, 6, top_k=1))
    for prompt, text in zip(prompts.tolist(), greedy.tolist(), strict=True):
        for place, token in enumerate(text):
            assert token == memory.after(prompt + text[:place]).argmax()


def test_with_a_penalty_nothing_is_said_twice() -> None:
    """Logits log p are below 0, so that a factor of a hundred leaves the unsaid; the prompt counts as said."""
    chain = Chain([0.4, 0.3, 0.2, 0.1], [[0.4, 0.3, 0.2, 0.1]] * 4)
    assert generate(chain, torch.tensor([[1]]), 3, temperature=0.0, repetition_penalty=100.0).tolist() == [[0, 2, 3]]
    assert generate(chain, torch.tensor([[1]]), 3, temperature=0.0).tolist() == [[0, 0, 0]]


def test_a_text_does_not_depend_on_those_beside_it() -> None:
    memory = Memory(6)
    prompts = torch.arange(32).view(16, 2) % 6
    options: dict[str, Any] = {"top_k": 5, "top_p": 0.9, "repetition_penalty": 1.2, "seed": 3}
    together = generate(memory, prompts, 8, **options)
    assert len(together.unique(dim=0)) == 16
    for row in (0, 7, 15):
        alone = generate(memory, prompts[row : row + 1], 8, rows=torch.tensor([row]), **options)
        assert torch.equal(alone[0], together[row])
    assert torch.equal(generate(memory, prompts[:1], 8, **options)[0], together[0])
    assert not torch.equal(generate(memory, prompts, 8, **options | {"seed": 4}), together)


def test_no_global_generator_is_used() -> None:
    before = torch.get_rng_state()
    first = generate(Memory(6), NOTHING, 8, seed=1)
    torch.rand(3)
    assert torch.equal(generate(Memory(6), NOTHING, 8, seed=1), first)
    torch.set_rng_state(before)


def test_each_token_is_read_once() -> None:
    chain = Chain([0.5, 0.5], [[0.5, 0.5]] * 2)
    generate(chain, NOTHING, 7)
    assert chain.advanced == 6, "the last one leads nowhere"


def test_an_end_ends_a_text_and_fills_it() -> None:
    chain = Chain([0.5, 0.3, 0.2], [[0.5, 0.3, 0.2]] * 3)
    texts = generate(chain, NOTHING.expand(50, 0), 10, end=2).tolist()
    free = generate(chain, NOTHING.expand(50, 0), 10).tolist()
    for ended, text in zip(texts, free, strict=True):
        cut = text.index(2) if 2 in text else 10
        assert ended == text[:cut] + [2] * (10 - cut)
    chain = Chain([0.0, 1.0], [[0.0, 1.0]] * 2)
    assert generate(chain, NOTHING, 9, end=1).tolist() == [[1] * 9]
    assert chain.advanced == 0, "nothing is left to say"


def test_a_prefix_is_said_first() -> None:
    memory, prompts = Memory(5), torch.tensor([[1, 2], [3, 4]])
    for temperature in (0.0, 1.0):
        texts = generate(memory, prompts, 5, prefix=torch.tensor([[0, FREE, 4], [2, 2, FREE]]), temperature=temperature)
        assert [texts[0, 0], texts[0, 2]] == [0, 4]
        assert texts[1, :2].tolist() == [2, 2]
    assert generate(memory, prompts, 3, prefix=torch.tensor([1, 0])).tolist()[1][:2] == [1, 0]
    longer = generate(memory, torch.tensor([[1, 2, 0]]), 3, temperature=0.0)  # what one prompt has more than the other
    both = generate(memory, prompts, 4, temperature=0.0, prefix=torch.tensor([[0], [FREE]]))
    assert torch.equal(both[0, 1:], longer[0])
    assert torch.equal(both[1], generate(memory, prompts[1:], 4, temperature=0.0)[0])


# ----------------------------------------------------------------------------------------------------------------- beams


def every_text(symbols: int, length: int, end: int | None) -> list[tuple[int, ...]]:
    """All texts of this length, and all that end before."""
    whole = set()
    for text in itertools.product(range(symbols), repeat=length):
        whole.add(text[: text.index(end) + 1] if end in text else text)
    return sorted(whole)


@pytest.mark.parametrize(("end", "penalty"), [(None, 0.0), (0, 0.0), (0, 0.7), (0, 1.0), (2, 2.0)])
@pytest.mark.parametrize("prompt", [(), (1, 2)])
def test_with_beams_enough_the_search_is_exhaustive(end: int | None, penalty: float, prompt: tuple[int, ...]) -> None:
    memory, length = Memory(3), 4
    score = {text: memory.nats(text, prompt) / len(text) ** penalty for text in every_text(3, length, end)}
    found = beam_search(memory, torch.tensor([prompt], dtype=torch.int64), length, beams=81, length_penalty=penalty, end=end)
    best = sorted(score, key=lambda text: -score[text])
    assert found.score[0].isfinite().sum() == len(best)
    for place, text in enumerate(best):
        padded = list(text) + [end] * (length - len(text))
        assert found.tokens[0, place].tolist() == padded
        assert found.score[0, place].item() == pytest.approx(score[text], abs=1e-5)
        assert found.log_prob[0, place].item() == pytest.approx(memory.nats(text, prompt), abs=1e-5)


def test_two_beams_find_what_greed_misses() -> None:
    assert beam_search(UPHILL, NOTHING, 2, beams=1).tokens.tolist() == [[[0, 0]]]
    found = beam_search(UPHILL, NOTHING, 2, beams=2)
    assert found.tokens[0, 0].tolist() == [1, 2]
    assert found.log_prob[0].exp().tolist() == pytest.approx([0.4, 0.3])


def test_one_beam_is_greedy() -> None:
    memory, prompts = Memory(5), torch.arange(5)[:, None]
    assert torch.equal(beam_search(memory, prompts, 6, beams=1).tokens[:, 0], generate(memory, prompts, 6, temperature=0.0))


def test_prompts_are_searched_apart() -> None:
    memory, prompts = Memory(4), torch.tensor([[0, 1], [3, 2], [1, 1]])
    together = beam_search(memory, prompts, 5, beams=3, end=0, length_penalty=0.5)
    for row in range(3):
        alone = beam_search(memory, prompts[row : row + 1], 5, beams=3, end=0, length_penalty=0.5)
        for a, b in zip(alone, together, strict=True):
            assert torch.equal(a[0], b[row])


def test_a_longer_text_wins_where_length_is_not_held_against_it() -> None:
    chain = Chain([0.4, 0.6, 0.0], [[0.4, 0.6, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])  # 0 ends; 1 and then 2 for ever
    short = Chain([0.55, 0.45], [[0.5, 0.5], [0.1, 0.9]])
    assert beam_search(short, NOTHING, 3, beams=4, end=0).tokens[0, 0].tolist() == [0, 0, 0]
    assert beam_search(short, NOTHING, 3, beams=4, end=0, length_penalty=1.0).tokens[0, 0].tolist() == [1, 1, 1]
    assert beam_search(chain, NOTHING, 3, beams=2).log_prob[0].exp().tolist() == pytest.approx([0.6, 0.24])


def test_a_prefix_holds_for_beams_and_counts() -> None:
    found = beam_search(UPHILL, NOTHING, 3, beams=2, prefix=torch.tensor([0, FREE, 2]))
    assert found.tokens[0].tolist() == [[0, 1, 2], *found.tokens[0, 1:].tolist()]
    assert found.log_prob[0].exp().tolist() == pytest.approx([0.3, 0.0])


def test_where_there_are_fewer_texts_than_beams_the_rest_is_impossible() -> None:
    found = beam_search(Chain([0.3, 0.7], [[0.5, 0.5]] * 2), NOTHING, 1, beams=5, length_penalty=1.0)
    assert found.tokens.shape == (1, 5, 1)
    assert found.log_prob[0].exp().tolist() == pytest.approx([0.7, 0.3, 0, 0, 0])


# ------------------------------------------------------------------------------------------- a model that keeps what it read


def small_gpt() -> GPT:
    """It sees eight tokens: of longer texts it reads the later half anew."""
    torch.manual_seed(0)
    gpt = GPT(tokens=7, width=16, layers=2, heads=2, length=8).eval()
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return gpt


class Reader:
    """The same model without a memory: it reads all that is in sight anew at each step."""

    def __init__(self, gpt: GPT) -> None:
        self.gpt = gpt

    def begin(self, prompt: Tensor) -> tuple[Tensor, Tensor]:
        return self.gpt.begin(prompt)[0], prompt[:, -self.gpt.length :]

    def advance(self, token: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        text = torch.cat([state, token[:, None]], 1)
        return self.begin(text if text.shape[1] <= self.gpt.length else text[:, -(self.gpt.length // 2) :])

    def pick(self, state: Tensor, rows: Tensor) -> Tensor:
        return state[rows]


@pytest.mark.parametrize(
    "options",
    [
        *({}, {"temperature": 0.0}, {"temperature": 0.7}, {"top_k": 3}, {"top_p": 0.8}, {"repetition_penalty": 1.5}),
        *({"prefix": torch.tensor([FREE, 3, FREE, 0])}, {"end": 2}),
        {"temperature": 1.3, "top_k": 5, "top_p": 0.9, "repetition_penalty": 1.2, "end": 6},
    ],
)
@pytest.mark.parametrize("read", [0, 3])
def test_the_same_seed_writes_the_same_alone_and_among_sixteen(options: dict[str, Any], read: int) -> None:
    gpt = small_gpt()
    prompts = torch.arange(16 * read).view(16, read) * 5 % 7
    together = generate(gpt, prompts, 15, seed=4, **options)
    for row in (0, 5, 10, 15):
        alone = generate(gpt, prompts[row : row + 1], 15, seed=4, rows=torch.tensor([row]), **options)
        assert torch.equal(alone[0], together[row])
    assert torch.equal(generate(Reader(gpt), prompts, 15, seed=4, **options), together)


@pytest.mark.parametrize("end", [None, 2])
def test_beams_keep_the_memory_of_the_texts_they_go_on_with(end: int | None) -> None:
    gpt, prompts = small_gpt(), torch.arange(48).view(16, 3) * 5 % 7
    together = beam_search(gpt, prompts, 12, beams=3, end=end, length_penalty=0.5)
    read = beam_search(Reader(gpt), prompts, 12, beams=3, end=end, length_penalty=0.5)
    assert torch.equal(together.tokens, read.tokens)
    for row in (0, 7, 15):
        alone = beam_search(gpt, prompts[row : row + 1], 12, beams=3, end=end, length_penalty=0.5)
        assert torch.equal(alone.tokens[0], together.tokens[row])


# ------------------------------------------------------------------------------------------------------------- bad input


def test_upon_no_prompts_follow_no_texts() -> None:
    for length in (0, 3):
        nothing, gpt = torch.empty(0, length, dtype=torch.int64), small_gpt()
        for how in ({}, {"temperature": 0.0}, {"end": 2}):
            assert generate(gpt, nothing, 5, **how).shape == (0, 5)
        found = beam_search(gpt, nothing, 5, beams=3)
        assert [part.shape for part in found] == [(0, 3, 5), (0, 3), (0, 3)]


@pytest.mark.parametrize(
    ("prompt", "length", "options", "message"),
    [
        (torch.zeros(2, dtype=torch.int64), 3, {}, r"prompt is \(B, T\) of int64, not \(2,\)"),
        (torch.zeros(2, 1), 3, {}, "prompt is .* of torch.float32"),
        (NOTHING, 0, {}, "length is at least 1, not 0"),
        (NOTHING, 3, {"prefix": torch.zeros(4, dtype=torch.int64)}, "prefix is .* at most 3"),
        (NOTHING, 3, {"prefix": torch.zeros(2, 2, dtype=torch.int64)}, r"prefix is .* not \(2, 2\)"),
    ],
)
def test_what_both_decoders_refuse(prompt: Tensor, length: int, options: dict[str, Any], message: str) -> None:
    for decode in (generate, beam_search):
        with pytest.raises(ValueError, match=message):
            decode(UPHILL, prompt, length, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperature is at least 0, not -1.0"),
        ({"temperature": math.nan}, "temperature is at least 0, not nan"),
        ({"top_k": -1}, "top_k is at least 0"),
        ({"top_p": 0.0}, r"top_p in \(0, 1\]"),
        ({"top_p": 1.1}, r"top_p in \(0, 1\]"),
        ({"repetition_penalty": 0.0}, "repetition_penalty is above 0, not 0.0"),
    ],
)
def test_what_generate_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(UPHILL, NOTHING, 3, **options)


def test_what_a_search_refuses() -> None:
    with pytest.raises(ValueError, match="beams is at least 1, not 0"):
        beam_search(UPHILL, NOTHING, 3, beams=0)
