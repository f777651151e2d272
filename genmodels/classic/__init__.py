"""What came before deep generative models, and the classifiers they are built from: chapters 1 and 2.

| file | what |
|---|---|
| `closed_form.py` | models whose best parameters are a formula: one pass over the data, no gradient |
| `box.py` | a uniform density on a rectangle |
| `naive_bayes.py` | features independent of one another, or independent given a class |
| `classifiers.py` | images to classes: an MLP and a CNN |
"""

from genmodels.classic.box import Box
from genmodels.classic.classifiers import CNN, MLP, Classifier
from genmodels.classic.closed_form import ClosedForm, NoDataSeen
from genmodels.classic.naive_bayes import NaiveBayes

__all__ = ["CNN", "MLP", "Box", "Classifier", "ClosedForm", "NaiveBayes", "NoDataSeen"]
