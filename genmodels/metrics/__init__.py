"""What generated data is worth: every figure is on held-out data, by a judge that no model can touch.

| call | answer |
|---|---|
| `judge_digits(samples)` | all of what follows, for digits against the MNIST test set |
| `frechet_distance(a, b)`, `kernel_distance(a, b)` | how far apart two sets of features are |
| `relative_frechet(model, floor, trivial)` | r: 0 is as good as training data, 1 no better than a trivial generator |
| `precision_recall(real, made, k=3)` | precision, recall, density, coverage |
| `grid_modes(samples, centres, sd)`, `stacked_modes(samples, judge)` | how many known modes are covered |
| `held_out_nats(model, x, samples)` | the likelihood of held-out examples, its error and its kind |
| `pixel_nats`, `naive_bayes_nats`, `histogram_nats`, `gaussian_nats` | likelihoods that a model must beat |
| `witten_bell_nats(train, test, order)` | the same for text: n-grams |
| `note_nats(train, test, given)`, `key_nats(train, test)` | the same for chorales: Markov chains |
| `neighbour_accuracy(known, known_labels, z, labels, k)` | what codes tell of a label |
| `label_accuracy(samples, labels)`, `class_recalls(samples, labels)` | whether a conditional generator obeys, and varies |
| `judge(name)`, `judge_checksum(name)` | the classifiers behind all this: "mnist" and "mnist-second" |
| `shape_judge()`, `scene_words(scenes)` | the classifier of captioned shapes, and what it should read of each |
| `recall_at(queries, items, k, among)` | how often paired embeddings find each other |
| `PCA.fit(images, k)`, `trivial_digits(n, seed)` | the trivial autoencoder and generator |

No figure is called FID: that name belongs to another judge.
"""

from genmodels.metrics.digits import class_recalls, judge_digits, label_accuracy, trivial_digits
from genmodels.metrics.frechet import frechet_distance, kernel_distance, relative_frechet
from genmodels.metrics.judges import DigitJudge, judge, judge_checksum
from genmodels.metrics.knn_label_accuracy import neighbour_accuracy
from genmodels.metrics.likelihood_floors import gaussian_nats, histogram_nats, naive_bayes_nats, pixel_nats
from genmodels.metrics.markov_floors import key_nats, note_nats
from genmodels.metrics.mode_counts import GridModes, StackedModes, grid_modes, histogram_kl, kl_to_uniform, stacked_modes
from genmodels.metrics.ngram_floors import witten_bell_nats
from genmodels.metrics.nll import HeldOut, held_out_nats
from genmodels.metrics.pca import PCA
from genmodels.metrics.prdc import PRDC, precision_recall
from genmodels.metrics.retrieval import recall_at
from genmodels.metrics.shape_judge import ShapeJudge, scene_words, shape_judge, shape_judge_checksum

__all__ = [
    "PCA",
    "PRDC",
    "DigitJudge",
    "GridModes",
    "HeldOut",
    "ShapeJudge",
    "StackedModes",
    "class_recalls",
    "frechet_distance",
    "gaussian_nats",
    "grid_modes",
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
