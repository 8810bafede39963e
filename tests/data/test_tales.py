from dl100_tf.data import analogies, corpus, tales


def test_the_same_seed_tells_the_same():
    assert tales.tell(50, seed=3) == tales.tell(50, seed=3) != tales.tell(50, seed=4)
    assert len(tales.tell(50, seed=3)) == 50


def test_every_sentence_is_filled():
    told = tales.tell(2000, seed=0)
    assert not any("{" in sentence or "  " in sentence for sentence in told)


def test_the_questions_can_be_asked_in_this_world():
    vocabulary = {word for sentence in tales.tell(20_000, seed=0) for word in corpus.words(sentence)}
    sections = {question.section for question in analogies.questions(vocabulary)}
    assert {"capitals", "nationalities", "he and she", "comparatives", "superlatives"} <= sections
