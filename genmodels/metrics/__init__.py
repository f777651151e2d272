"""What generated data is worth: every figure is on held-out data, by a judge that no model can touch.

| call | answer |
|---|---|
| `judge_digits(samples)` | all of what follows, for digits against the MNIST test set |
| `frechet_distance(a, b)`, `kernel_distance(a, b)` | how far apart two sets of features are |
| `relative_frechet(model, floor, trivial)` | r: 0 is as good as training data, 1 no better than a trivial generator |
| `precision_recall(real, made, k=3)` | precision, recall, density, coverage |
| `GanWatch(gan, real, judge)` | what to look at while a GAN trains, and words for collapse, saturation, oscillation |
| `grid_modes(samples, centres, sd)`, `stacked_modes(samples, judge)` | how many known modes are covered |
| `c2st(real, made)` | whether a classifier can tell points apart, and with what error: 0.5 is not at all |
| `memorisation(made, held_out, train)`, `digit_memorisation(samples)` | whether samples are copies: 1 is as new as test data |
| `held_out_nats(model, x, samples)` | the likelihood of held-out examples, its error and its kind |
| `grid_normalised(log_f, low, high)` | the density of an energy in the plane, for `held_out_nats` |
| `annealed_importance(log_f, transition, start, betas, generator)` | log Z of an energy anywhere, estimated |
| `geometric(log_start, log_target)`, `metropolis(log_f, size)` | a way to anneal along, and moves on it |
| `pixel_nats`, `naive_bayes_nats`, `histogram_nats`, `gaussian_nats` | likelihoods that a model must beat |
| `witten_bell_nats(train, test, order)` | the same for text: n-grams |
| `note_nats(train, test, given)`, `key_nats(train, test)` | the same for chorales: Markov chains |
| `neighbour_accuracy(known, known_labels, z, labels, k)` | what codes tell of a label |
| `label_accuracy(samples, labels)`, `class_recalls(samples, labels)` | whether a conditional generator obeys, and varies |
| `judge(name)`, `judge_checksum(name)` | the classifiers behind all this: "mnist" and "mnist-second" |
| `shape_judge()`, `scene_words(scenes)` | the classifier of captioned shapes, and what it should read of each |
| `recall_at(queries, items, k, among)` | how often paired embeddings find each other |
| `bleu(translations, references)` | how near translations are to what people wrote |
| `answer_f1(told, right)`, `exact_match(told, right)` | how near answers are to the right ones |
| `PCA.fit(images, k)`, `trivial_digits(n, seed)` | the trivial autoencoder and generator |

No figure is called FID: that name belongs to another judge.
"""

from genmodels.metrics.annealed_importance import Normaliser, annealed_importance, geometric, metropolis
from genmodels.metrics.answers import answer_f1, exact_match
from genmodels.metrics.bleu import bleu
from genmodels.metrics.digits import class_recalls, digit_memorisation, judge_digits, label_accuracy, trivial_digits
from genmodels.metrics.frechet import frechet_distance, kernel_distance, relative_frechet
from genmodels.metrics.gan_watch import GanWatch
from genmodels.metrics.grid_normalisation import GridNormalised, grid_normalised
from genmodels.metrics.judges import DigitJudge, judge, judge_checksum
from genmodels.metrics.knn_label_accuracy import neighbour_accuracy
from genmodels.metrics.likelihood_floors import gaussian_nats, histogram_nats, naive_bayes_nats, pixel_nats
from genmodels.metrics.markov_floors import key_nats, note_nats
from genmodels.metrics.memorisation import Memorisation, memorisation
from genmodels.metrics.mode_counts import GridModes, StackedModes, grid_modes, histogram_kl, kl_to_uniform, stacked_modes
from genmodels.metrics.ngram_floors import witten_bell_nats
from genmodels.metrics.nll import HeldOut, held_out_nats
from genmodels.metrics.pca import PCA
from genmodels.metrics.prdc import PRDC, precision_recall
from genmodels.metrics.retrieval import recall_at
from genmodels.metrics.shape_judge import ShapeJudge, scene_words, shape_judge, shape_judge_checksum
from genmodels.metrics.two_sample import C2ST, c2st

__all__ = [
    "C2ST",
    "PCA",
    "PRDC",
    "DigitJudge",
    "GanWatch",
    "GridModes",
    "GridNormalised",
    "HeldOut",
    "Memorisation",
    "Normaliser",
    "ShapeJudge",
    "StackedModes",
    "annealed_importance",
    "answer_f1",
    "bleu",
    "c2st",
    "class_recalls",
    "digit_memorisation",
    "exact_match",
    "frechet_distance",
    "gaussian_nats",
    "geometric",
    "grid_modes",
    "grid_normalised",
    "held_out_nats",
    "histogram_kl",
    "histogram_nats",
    "judge",
    "judge_checksum",
    "judge_digits",
    "kernel_distance",
    "key_nats",
    "kl_to_uniform",
    "label_accuracy",
    "memorisation",
    "metropolis",
    "naive_bayes_nats",
    "neighbour_accuracy",
    "note_nats",
    "pixel_nats",
    "precision_recall",
    "recall_at",
    "relative_frechet",
    "scene_words",
    "shape_judge",
    "shape_judge_checksum",
    "stacked_modes",
    "trivial_digits",
    "witten_bell_nats",
]
