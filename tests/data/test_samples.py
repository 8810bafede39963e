import re
import time

import numpy as np
import pytest

from dl100_tf.data import samples


@pytest.fixture(scope="module")
def train():
    return samples.reviews(4000, 0)


@pytest.fixture(scope="module")
def test():
    return samples.reviews(500, 1, held_out=True)


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def accuracy(train, test, reach, best=None):
    """Test accuracy of logistic regression on the n-grams up to `reach`, or on only the `best` of them."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.feature_selection import SelectKBest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    steps = [CountVectorizer(analyzer=lambda text: [
        tuple(found[i : i + n]) for found in [words(text)] for n in range(1, reach + 1) for i in range(len(found))],
        binary=True)]
    if best:
        steps.append(SelectKBest(k=best))
    return make_pipeline(*steps, LogisticRegression(max_iter=200)).fit(*train).score(*test)


def test_a_bag_of_words_stays_far_behind_a_model_that_knows_their_order(train, test):
    ordered = accuracy(train, test, reach=2)
    assert ordered >= 0.88
    assert accuracy(train, test, reach=1) <= min(0.8, ordered - 0.1)
    assert accuracy(train, test, reach=1, best=3) <= 0.65
    assert accuracy(train, test, reach=1, best=1) <= 0.65


def test_every_opinion_word_occurs_in_praise_and_in_blame(train):
    texts, labels = train
    for stance, adjectives in samples.ADJECTIVES.items():
        for adjective in adjectives.split(";"):
            inside = labels[[adjective in words(text) for text in texts]]
            assert 0.1 < (inside == 1 - stance).mean() < 0.5, adjective


def test_reviews_are_balanced_distinct_and_30_to_120_words(train, test):
    for texts, labels in (train, test):
        assert labels.dtype == np.int32 and labels.mean() == 0.5
        assert len(set(texts)) == len(texts)
        assert all(30 <= len(words(text)) <= 120 for text in texts)
        assert not any("{" in text for text in texts)
    assert not set(train[0]) & set(test[0])


def test_the_test_has_words_and_sentences_of_its_own(train, test):
    known = {word for text in train[0] for word in words(text)}
    new = {word for text in test[0] for word in words(text)} - known
    assert {"luminous", "insipid", "beekeeper", "subtitles"} <= new


def test_the_seed_decides(train):
    assert samples.reviews(20, 5)[0] == samples.reviews(20, 5)[0] != samples.reviews(20, 6)[0]
    assert train[0][:20] == samples.reviews(20, 0)[0]  # fewer are the first of more


def test_it_takes_less_than_a_second():
    start = time.process_time()
    samples.reviews(2500, 7)
    assert time.process_time() - start < 1
