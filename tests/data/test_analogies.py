from dl100_tf.data import analogies


def test_every_two_pairs_are_a_question_in_either_order():
    asked = list(analogies.questions({"king", "queen", "man", "woman", "rome", "italy", "paris"}))
    assert [(one.section, one.a, one.b, one.c, one.answer) for one in asked] == [
        ("he and she", "man", "woman", "king", "queen"), ("he and she", "king", "queen", "man", "woman")]
    assert not list(analogies.questions(()))


def test_the_lists_hold_what_they_say():
    words = {word for listed in analogies.PAIRS.values() for pair in listed.split(",") for word in pair.split()}
    asked = list(analogies.questions(words))
    assert len(asked) > 10_000 and len(set(asked)) == len(asked)
    assert all(len({one.a, one.b, one.c, one.answer}) == 4 for one in asked)
    assert all(len(pair.split()) == 2 for listed in analogies.PAIRS.values() for pair in listed.split(","))
    listed = [word for words in analogies.KINDS.values() for word in words.split()]
    assert len(listed) == len(set(listed)) > 200 and all(word == word.lower() for word in {*words, *listed})


def test_kinds_are_of_known_words():
    found = analogies.kinds({"red", "dog", "blue"})
    assert found["colours"] == ["red", "blue"] and found["animals"] == ["dog"] and found["drink"] == []
