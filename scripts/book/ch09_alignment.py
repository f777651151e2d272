"""Chapter 9: a GPT that is taught to answer letters as is wanted: by examples, by a reward learned from preferences, by these.

Letters to a shop, of which the worth of every reply is known exactly. What is preferred is told by somebody who errs. A reward
is in units of the deviation among the supervised model's replies; how far a policy has gone from that model is in nats of a
reply. On too long a leash a policy raises the reward that was learned, and loses the true one.
"""

import json

import torch
from torch import Tensor

from genmodels.batches import Part, to_device
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import Answered, Padded, ShopLetters, TextWindows, preferences
from genmodels.language import GPT
from genmodels.language.alignment import (
    DPO,
    PPO,
    Answers,
    RewardModel,
    answer_nats,
    best_of_n,
    best_of_n_nats,
    supervised,
    write,
)
from genmodels.model import Model
from genmodels.random_streams import stream
from genmodels.storage import write_bytes
from genmodels.training import Hook, Shuffled, Update, fit
from genmodels.viz import curves, intervals

PREFERRED = 40_000  # replies that are compared, two and two
NOISE = 0.3  # in worth: of two replies that differ by one, the better is preferred 29 times in 30
LEASHES = (0.3, 0.1, 0.03, 0.0)
LEASH = 0.1  # the one that is held to the bars
DRAWN = ("reward", "dpo", f"ppo_{LEASH:g}")  # trainings of which the curves are drawn
SHARE_OF_LEASH = 0.35 / len(LEASHES)
AT_ONCE = 2_000  # texts
LOOK = 6  # steps of PPO between two looks
BEST_OF = (1, 2, 4, 8, 16, 32, 64, 128, 256)
BOTH = ("true", "learned")
SEEN = ("true", "true_error", "learned", "learned_error", "kl")

Letters = list[tuple[str, str]]


class Shop:
    """The task: letters as tokens, and the worth of what is written, in deviations from what the supervised model writes."""

    def __init__(self, run: Recipe) -> None:
        self.run, self.letters = run, ShopLetters()
        self.device = torch.device(run.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.vocabulary = self.letters.vocabulary
        self.end = self.vocabulary.encode("", end=True).item()
        self.prompts = Padded([self.vocabulary.encode(question) for question in self.letters.questions])
        self.mean, self.sd = 0.0, 1.0

    def told(self, letters: Letters) -> Answered:
        """Questions and replies as tokens."""
        questions, replies = zip(*letters, strict=True)
        encode = self.vocabulary.encode
        return Answered([encode(question) for question in questions], [encode(reply, end=True) for reply in replies])

    def written(self, gpt: GPT, rows: Tensor, seed: int) -> Answers:
        """A GPT's replies to the questions at `rows`."""
        parts = (to_device(self.prompts[part], self.device) for part in rows.split(AT_ONCE))
        texts = [write(gpt, *part, end=self.end, seed=stream(seed, number) >> 1) for number, part in enumerate(parts)]
        return Answers(*(torch.cat(column) for column in zip(*texts, strict=True)))

    def in_turn(self, n: int) -> Tensor:
        """Every question in turn, n in all, each twice in a row."""
        return torch.arange(n) // 2 % len(self.prompts)

    def replies(self, texts: Answers) -> list[tuple[str, str]]:
        """Questions and replies, in words."""
        rows = zip(texts.tokens, texts.begins.tolist(), texts.ends.tolist(), strict=True)
        decode = self.vocabulary.decode
        return [(decode(tokens[:begin]), decode(tokens[begin:end])) for tokens, begin, end in rows]

    def worth(self, texts: Answers) -> Tensor:
        """The true reward of each text."""
        raw = torch.tensor([self.letters.worth(question, reply) for question, reply in self.replies(texts)])
        return (raw.to(self.device) - self.mean) / self.sd

    def units(self, texts: Answers) -> None:
        """From here on the worth of these texts has mean 0 and deviation 1."""
        raw = self.worth(texts)
        self.mean, self.sd = raw.mean().item(), raw.std().item() or 1.0

    def train(self, name: str, model: Model, updates: list[Update], batches: Shuffled, share: float, *hooks: Hook) -> None:
        """A share of the recipe's minutes."""
        run, folder = self.run, self.run.folder / name
        how = {"minutes": share * run.minutes, "precision": "fp32", "seed": run.seed, "quiet": run.fast}
        fit(model, updates, batches, folder=folder, device=self.device, hooks=hooks, **how)  # type: ignore[arg-type]
        model.save(folder)
        if name in DRAWN:
            run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))


@torch.no_grad()
def look(shop: Shop, policy: GPT, first: GPT, reward: RewardModel, n: int, seed: int) -> dict[str, float]:
    """What a policy's replies are worth, truly and as learned, with standard errors; and how far it has gone."""
    texts = shop.written(policy, shop.in_turn(n), seed)
    nats = (answer_nats(policy, texts) - answer_nats(first, texts)).sum(1)
    found = {"true": shop.worth(texts), "learned": reward(texts), "kl": nats}
    means = {name: value.mean().item() for name, value in found.items()}
    return means | {f"{name}_error": value.std().item() / n**0.5 for name, value in found.items()}


def taught(run: Recipe, shop: Shop) -> GPT:
    """A GPT that has read much of the language, to no purpose, and then letters, until it speaks of what is asked for."""
    encode = shop.vocabulary.encode
    talk = torch.cat([encode(text, end=True) for text in shop.letters.talk(run.count(20_000, 50), run.seed)])
    gpt = GPT(len(shop.vocabulary), run.count(64, 16), layers=run.count(4, 1), heads=4, length=run.count(56, 40), lr=3e-3)
    windows = Shuffled(TextWindows(talk, gpt.length, stride=1), 32, run.seed)
    shop.train("pretrained", gpt, gpt.updates(), windows, share=0.04)
    held_out = shop.letters.letters(run.count(2_000, 10), run.seed + 1_000)
    run.figure("pretrained: nats of a reply", reply_nats(shop, gpt, held_out))
    letters = Shuffled(shop.told(shop.letters.letters(run.count(20_000, 20), run.seed)), 64, run.seed)
    shop.train("supervised", gpt, [supervised(gpt, lr=3e-3)], letters, share=0.2)
    run.figure("supervised: nats of a reply", reply_nats(shop, gpt, held_out))
    exact = [-shop.letters.log_prob(*letter) for letter in held_out]
    run.figure("the clerk: nats of a reply", sum(exact) / len(exact))
    return gpt


@torch.no_grad()
def reply_nats(shop: Shop, gpt: GPT, letters: Letters) -> float:
    """Minus log p of a reply given its question, mean over letters."""
    told = shop.told(letters)
    return -answer_nats(gpt, Answers(*to_device(told[torch.arange(len(told))], shop.device))).sum(1).mean().item()


def pairs(shop: Shop, gpt: GPT, n: int, noise: float, seed: int) -> Part:
    """Pairs out of n of a GPT's replies, as somebody prefers them."""
    texts = shop.written(gpt, shop.in_turn(n), seed)
    worth, texts = shop.worth(texts).cpu(), to_device(texts, torch.device("cpu"))
    prompts, replies = zip(*((x[:begin], x[begin:end]) for x, begin, end in zip(*texts, strict=True)), strict=True)
    return Part(Answered(prompts, replies), preferences(worth, noise, seed))


def judged(run: Recipe, shop: Shop, first: GPT, preferred: Part) -> RewardModel:
    """A reward model, in units of what the supervised GPT writes, as the true reward is."""
    reward = RewardModel.of(first, lr=2e-3)
    shop.train("reward", reward, reward.updates(), Shuffled(preferred, 32, run.seed), share=0.3)
    held_out = pairs(shop, first, run.count(6_000, 20), 0.0, run.seed + 2_000)
    with torch.no_grad():
        batch = to_device(held_out[torch.arange(len(held_out))], shop.device)
        run.figure("reward model: pairs held out, %", 100 * reward.loss(batch)[1]["accuracy"].item(), at_least(95))
    texts = shop.written(first, shop.in_turn(run.count(AT_ONCE, 20)), run.seed + 3_000)
    shop.units(texts)
    reward.centre(texts)
    return reward


def optimised(run: Recipe, shop: Shop, first: GPT, reward: RewardModel, leash: float) -> tuple[PPO, list[dict[str, float]]]:
    """A policy that has learned from the reward, and what was seen of it on the way."""
    name = f"ppo_{leash:g}"
    ppo = PPO.of(first, reward, end=shop.end, beta=leash, texts=run.count(128, 4), epochs=run.count(4, 2), lr=1e-3)

    def watch(step: int) -> dict[str, float]:
        seen = look(shop, ppo.policy, first, reward, run.count(300, 4), run.seed + step)
        return {f"look/{what}": value for what, value in seen.items()}

    prompts = Shuffled(shop.prompts, ppo.texts, run.seed)
    shop.train(name, ppo, ppo.updates(), prompts, SHARE_OF_LEASH, Hook(LOOK, watch))
    lines = [json.loads(line) for line in (run.folder / name / "metrics.jsonl").read_text().splitlines()]
    return ppo, [{what: line[f"look/{what}"] for what in SEEN} for line in lines if "look/kl" in line]


def best(run: Recipe, shop: Shop, first: GPT, reward: RewardModel) -> list[dict[str, float]]:
    """The best of n replies by the reward, for each n: what it is worth, over a third of the questions."""
    n = run.count(max(BEST_OF), 4)
    texts = shop.written(first, torch.arange(0, len(shop.prompts), 3).repeat_interleave(n), run.seed + 4_000)
    parts = zip(*(column.split(AT_ONCE) for column in texts), strict=True)
    with torch.no_grad():
        learned = torch.cat([reward(Answers(*part)) for part in parts]).view(-1, n)
    true = shop.worth(texts).view(-1, n)
    found = []
    for count in (count for count in BEST_OF if count <= n):
        of = {"true": best_of_n(learned, true, count), "learned": best_of_n(learned, learned, count)}
        errors = {f"{name}_error": value.std().item() / len(value) ** 0.5 for name, value in of.items()}
        found.append({name: value.mean().item() for name, value in of.items()} | errors | {"kl": best_of_n_nats(count)})
    return found


def possible(shop: Shop) -> list[tuple[float, float, float]]:
    """The most that the true reward can be at each distance from the clerk: p(reply) exp(worth / beta) / Z."""
    worths, p = shop.letters.worths()
    points = []
    for beta in torch.logspace(1.5, -0.5, 24):
        q = (p.log() + worths / beta).softmax(0)
        kl = (q * (q.log() - p.log())).sum().clamp_min(0.0)
        points.append((kl.sqrt().item(), ((q @ worths).item() - shop.mean) / shop.sd, 0.0))
    return points


def line(seen: list[dict[str, float]], name: str) -> list[tuple[float, float, float]]:
    """What was seen of a reward, against the square root of the distance."""
    return [(max(0.0, one["kl"]) ** 0.5, one[name], one[f"{name}_error"]) for one in seen]


def report(run: Recipe, name: str, seen: dict[str, float], held: bool) -> None:
    """The figures of a policy; those that are held to the bars, or not."""
    run.figure(f"{name}: true reward gained, sd", seen["true"], at_least(1) if held else None)
    run.figure(f"{name}: learned reward gained, sd", seen["learned"])
    run.figure(f"{name}: nats of a reply from the reference", seen["kl"], at_most(10) if held else None)


def samples(shop: Shop, name: str, policy: GPT) -> str:
    """Some of what a policy writes."""
    replies = shop.replies(shop.written(policy, shop.in_turn(12), 0))
    return f"==== {name} ====\n" + "".join(f"{question}{reply}\n" for question, reply in replies) + "\n"


def main() -> None:
    """Teach, ask what is preferred, learn it in both ways, and go too far."""
    run = Recipe(__doc__, row=31, system="alignment (supervised, reward model, PPO, DPO)", minutes=12.0)
    shop = Shop(run)
    first = taught(run, shop)
    preferred = pairs(shop, first, run.count(PREFERRED, 20), NOISE, run.seed)
    reward = judged(run, shop, first, preferred)
    n, seed = run.count(AT_ONCE, 10), run.seed + 5_000
    text = samples(shop, "supervised", first)

    same_leash = LEASH * shop.sd / NOISE  # DPO's reward is in units of the noise of preferences, PPO's in deviations
    dpo = DPO.of(first, beta=same_leash, lr=5e-4)
    shop.train("dpo", dpo, dpo.updates(), Shuffled(preferred, 64, run.seed), share=0.08)
    ends = [look(shop, dpo.policy, first, reward, n, seed)]
    report(run, "DPO", ends[0], held=True)
    text += samples(shop, "DPO", dpo.policy)

    for leash in LEASHES:
        ppo, way = optimised(run, shop, first, reward, leash)
        ends.append(look(shop, ppo.policy, first, reward, n, seed))
        report(run, f"PPO, leash {leash:g}", ends[-1], held=leash == LEASH)
        text += samples(shop, f"PPO, leash {leash:g}", ppo.policy)
    write_bytes(run.folder / "samples.txt", text.encode())

    by_choice = best(run, shop, first, reward)
    for name in ("true", "learned"):
        run.figure(f"best of {BEST_OF[len(by_choice) - 1]}: {name} reward gained, sd", by_choice[-1][name])
        run.figure(f"PPO, leash {LEASHES[-1]:g}: {name} reward lost again, sd", max(one[name] for one in way) - ends[-1][name])
    lines = {f"{how}, {name}": line(seen, name) for how, seen in (("PPO", way), ("best of n", by_choice)) for name in BOTH}
    run.picture("over_optimisation", intervals({**lines, "the most there is": possible(shop)}, "sqrt KL, nats", "reward, sd"))
    finals = {f"PPO, {name}": line(ends[1:], name) for name in BOTH}
    run.picture("leashes", intervals(finals, "sqrt KL, nats", "reward, sd"))
    run.finish()


if __name__ == "__main__":
    main()
