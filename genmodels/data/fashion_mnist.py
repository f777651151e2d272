"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28, ten classes (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747)."""

from __future__ import annotations

from functools import cache

from genmodels.data.downloads import Source, locate
from genmodels.data.idx import Split, labelled
from genmodels.data.labelled_images import Labelled

CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


def _published(filename: str, sha256: str) -> Source:
    """The files bear MNIST's names, so they lie in a folder of their own."""
    repository = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
    mirror = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
    return Source(f"fashion-mnist/{filename}", sha256, (repository + filename, mirror + filename), limit=1 << 25)


IMAGES: dict[Split, Source] = {
    "train": _published("train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    "test": _published("t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
}
LABELS: dict[Split, Source] = {
    "train": _published("train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    "test": _published("t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
}


@cache
def fashion_mnist(split: Split = "train") -> Labelled:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64. All callers share the tensors: do not write into them."""
    if split not in IMAGES:
        raise ValueError(f"Fashion-MNIST has the splits {', '.join(IMAGES)}, not {split!r}")
    return labelled(locate(IMAGES[split]), locate(LABELS[split]))
