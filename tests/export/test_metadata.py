import dataclasses
import io
import re
import zipfile

import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.export import graph, metadata, phone
from dl100_tf.export.contract import Contract

SAID = {"version": "3", "author": "someone", "license": "MIT"}
# Words in TextVectorization's own order; some hold characters at which Python would break a line or a word.
WORDS = ("the", "a", "its", "film", "good", "dont", "café", "x\x85y", "one\u2028two", "the\xa0end", "1010", "\x1cfs")
IMAGE = Contract("cnn_tiny", "What colour a picture has", "image", (6, 8, 3), ("red", "grün", "sky blue"),
                 "91.00% accuracy on 10 test pictures, a sample made by the package")
TEXT = Contract("text_tiny", "Whether a film is good", "text", (12,), ("negative", "positive"),
                "88.00% accuracy on 10 test texts, real data", ("", "[UNK]", *WORDS), "text")
CHARACTERS = dataclasses.replace(TEXT, token="character", removed="", vocabulary=("", "[UNK]", *"\n\u2028 !AaU+🙂"))
NUMBERS = Contract("rows_tiny", "Which flower it is", "numbers", (4,), ("a", "b"), "scored on 3 test rows, real data")


def converted(contract) -> bytes:
    """A .tflite file that does something with an example of the contract."""
    import tempfile

    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(0)
    x = given = keras.Input(contract.phone_shape[1:], 1, contract.phone_dtype, name=phone.NAMES[contract.kind])
    if contract.kind == "text":
        x = layers.Embedding(len(contract.vocabulary), 4)(x)
    x = layers.Dense(len(contract.labels), activation="softmax", name="probabilities")(layers.Flatten()(x))
    with tempfile.TemporaryDirectory() as folder:
        keras.Model(given, x).export(folder, verbose=False, input_signature=[
            keras.InputSpec(shape=contract.phone_shape, dtype=contract.phone_dtype)])
        return tf.lite.TFLiteConverter.from_saved_model(folder).convert()


@pytest.fixture(scope="module")
def bare():
    """Files without metadata, by kind."""
    return {contract.kind: converted(contract) for contract in (IMAGE, TEXT, NUMBERS)}


@pytest.fixture(scope="module")
def image(bare):
    return metadata.put(bare["image"], IMAGE, **SAID)


@pytest.fixture(scope="module")
def text(bare):
    return metadata.put(bare["text"], TEXT, **SAID)


@pytest.fixture(scope="module")
def spelled(bare):
    return metadata.put(bare["text"], CHARACTERS, **SAID)


def answer(model: bytes, x):
    """What LiteRT computes."""
    from ai_edge_litert import interpreter

    runner = interpreter.Interpreter(model_content=model)
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], x)
    runner.invoke()
    return runner.get_tensor(runner.get_output_details()[0]["index"])


class TestPut:
    def test_an_image_model_tells_how_pixels_go_in(self, image):
        told = metadata.read(image)
        assert told["name"] == "cnn_tiny" and told["version"] == "3"
        assert told["author"] == "someone" and told["license"] == "MIT" and told["min_parser_version"] == "1.0.0"
        assert told["input"]["name"] == "image" and "8 x 6 pixels in RGB" in told["input"]["description"]
        assert told["input"]["content"] == {"content_properties": {"ImageProperties": {"color_space": "RGB"}}}
        assert told["input"]["process_units"] == [{"options": {"NormalizationOptions": {"mean": [0], "std": [1]}}}]
        assert told["input"]["stats"] == {"min": [0], "max": [255]}
        assert told["output"]["name"] == "probabilities" and told["output"]["stats"] == {"min": [0], "max": [1]}
        assert told["labels"] == ["red", "grün", "sky blue"] and told["vocabulary"] == []

    def test_the_description_says_what_it_is_worth(self, bare):
        told = metadata.read(metadata.put(bare["image"], IMAGE, description="Its weights have 8 bits.", **SAID))
        assert told["description"] == ("What colour a picture has. Its weights have 8 bits. 91.00% accuracy on 10 test "
                                       "pictures, a sample made by the package. Licence: MIT. Author: someone.")

    def test_a_grey_net_still_takes_rgb(self, bare):
        grey = dataclasses.replace(IMAGE, shape=(6, 8, 1))
        told = metadata.read(metadata.put(bare["image"], grey, **SAID))["input"]
        assert told["content"]["content_properties"]["ImageProperties"] == {"color_space": "RGB"}
        assert "scales them itself, and makes them grey; it shows the middle of the picture" in told["description"]

    def test_a_net_of_digits_says_what_its_pictures_have_to_be(self, bare):
        digits = dataclasses.replace(IMAGE, preparation="digit")
        told = metadata.read(metadata.put(bare["image"], digits, **SAID))["input"]
        assert "it shows one digit, bright on black, fitted into 20 x 20 pixels" in told["description"]

    def test_a_model_of_numbers(self, bare):
        told = metadata.read(metadata.put(bare["numbers"], NUMBERS, **SAID))
        assert told["input"]["name"] == "numbers" and told["input"]["description"].startswith("4 numbers")
        assert told["input"]["content"] == {"content_properties": {"FeatureProperties": {}}}
        assert told["labels"] == ["a", "b"]

    @pytest.mark.parametrize("contract", [IMAGE, TEXT, NUMBERS], ids=lambda contract: contract.kind)
    def test_the_model_computes_the_same(self, bare, contract):
        x = np.random.default_rng(0).integers(0, 10, contract.phone_shape).astype(contract.phone_dtype)
        dressed = metadata.put(bare[contract.kind], contract, **SAID)
        assert np.array_equal(answer(dressed, x), answer(bare[contract.kind], x))
        assert graph.ops(dressed) == graph.ops(bare[contract.kind])

    def test_once_more_replaces_it(self, image):
        assert metadata.put(image, IMAGE, **SAID) == image
        renamed = dataclasses.replace(IMAGE, labels=("a", "b", "c"))
        other = metadata.put(image, renamed, version="4", author="another", license="MIT")
        assert metadata.read(other)["labels"] == ["a", "b", "c"] and metadata.read(other)["author"] == "another"
        assert metadata.put(other, IMAGE, **SAID) == image
        model = graph.unpacked(other)
        assert [entry.name for entry in model.metadata].count(b"TFLITE_METADATA") == 1
        assert len(model.buffers) == len(graph.unpacked(image).buffers)

    def test_what_the_converter_noted_stays(self, bare, image):
        noted = [entry.name for entry in graph.unpacked(bare["image"]).metadata]
        assert b"min_runtime_version" in noted
        assert [entry.name for entry in graph.unpacked(image).metadata] == [*noted, b"TFLITE_METADATA"]

    @pytest.mark.parametrize("change", [
        {"labels": ("red", "green")}, {"shape": (8, 6, 3)}, {"kind": "numbers", "shape": (4,)}])
    def test_a_contract_of_another_model_is_refused(self, bare, change):
        with pytest.raises(ValueError, match="cnn_tiny's"):
            metadata.put(bare["image"], dataclasses.replace(IMAGE, **change), **SAID)

    @pytest.mark.parametrize("label", ["", "two\nlines"])
    def test_a_label_that_is_no_line_is_refused(self, bare, label):
        with pytest.raises(UserError, match="give the class another name"):
            metadata.put(bare["image"], dataclasses.replace(IMAGE, labels=("red", label, "blue")), **SAID)

    @pytest.mark.parametrize("vocabulary", [("the", "a"), ("", "[UNK]", "two words"), ("", "[UNK]", "two\nlines"), ()])
    def test_a_vocabulary_that_would_be_misread_is_refused(self, bare, vocabulary):
        with pytest.raises(ValueError, match="vocabulary"):
            metadata.put(bare["text"], dataclasses.replace(TEXT, vocabulary=vocabulary), **SAID)

    def test_what_is_no_model_is_refused(self):
        with pytest.raises(UserError, match=r"no \.tflite file"):
            metadata.put(b"hello", IMAGE, **SAID)


class TestText:
    def test_the_vocabulary_is_as_the_task_library_reads_it(self, text):
        lines = metadata.files(text)["vocabulary.txt"].decode().split("\n")
        assert lines[:4] == ["<PAD> 0", "<UNKNOWN> 1", "the 2", "a 3"] and lines[-1] == ""
        assert metadata.read(text)["vocabulary"] == list(TEXT.vocabulary)

    def test_the_tokenizer_is_told(self, text):
        told = metadata.read(text)
        options, = (unit["options"]["RegexTokenizerOptions"] for unit in told["input"]["process_units"])
        assert options["vocab_file"][0]["name"] == "vocabulary.txt" and options["vocab_file"][0]["type"] == "VOCABULARY"
        assert told["min_parser_version"] == "1.2.1", "the first that knows RegexTokenizerOptions"
        assert told["input"]["name"] == "ids" and "first 12 words" in told["input"]["description"]

    def test_by_the_rule_in_the_file_texts_become_the_ids_of_keras(self, text):
        """What a phone does: the description's rule, then the delimiter and the vocabulary as the file has them."""
        import tensorflow as tf
        from keras import layers

        texts = ["The film is GOOD, don't! It's a café x\x85y CAFÉ",
                 "a good-bad film.\n\nthe 10/10 \ta\x0bfilm\x0cgood\r",
                 "the one\u2028two the\xa0end \x1cfs <PAD> [UNK] \\ ^_^ `a` \u0130a \u3000", "", " . ", "a " * 20,
                 "".join(chr(code) + "a" for code in range(1, 128))]
        expected = layers.TextVectorization(output_sequence_length=12, vocabulary=WORDS)(tf.constant(texts))
        told = metadata.read(text)
        punctuation = re.search(r"delete the characters (\S+) ", told["input"]["description"]).group(1)
        delimiter = told["input"]["process_units"][0]["options"]["RegexTokenizerOptions"]["delim_regex_pattern"]
        ids = {line.split(" ")[0]: int(line.split(" ")[1])
               for line in metadata.files(text)["vocabulary.txt"].decode().split("\n") if line}

        def tokenize(string):
            lower = "".join(letter.lower() if "A" <= letter <= "Z" else letter for letter in string)
            words = re.split(delimiter, "".join(letter for letter in lower if letter not in punctuation))
            found = [ids.get(word, ids["<UNKNOWN>"]) for word in words if word][:12]
            return found + [ids["<PAD>"]] * (12 - len(found))

        assert [tokenize(string) for string in texts] == np.array(expected).tolist()


    def test_characters_that_become_blanks_are_told_and_split_at(self, bare):
        from dl100_tf.export.contract import TOKENIZERS

        _, removed, spaced = TOKENIZERS["letters", "whitespace"]
        contract = dataclasses.replace(TEXT, removed=removed, spaced=spaced)
        told = metadata.read(metadata.put(bare["text"], contract, **SAID))
        assert f"put a blank for each of the characters {spaced} and split" in told["input"]["description"]
        assert "delete" not in told["input"]["description"]
        options = told["input"]["process_units"][0]["options"]["RegexTokenizerOptions"]
        assert re.split(options["delim_regex_pattern"], "asia #39;s 2nd e-mail") == ["asia", "s", "nd", "e", "mail"]


class TestCharacters:
    def test_the_vocabulary_survives_white_space_and_all(self, spelled):
        lines = metadata.files(spelled)["vocabulary.txt"].decode().split("\n")
        assert lines[:6] == ["<PAD> 0", "<UNKNOWN> 1", "U+000A 2", "U+2028 3", "U+0020 4", "! 5"] and lines[-1] == ""
        assert metadata.read(spelled)["vocabulary"] == list(CHARACTERS.vocabulary)

    def test_no_tokenizer_is_promised_and_the_rule_is_told(self, spelled):
        told = metadata.read(spelled)
        assert not told["input"].get("process_units") and told["min_parser_version"] == "1.0.1"
        assert [one["name"] for one in told["input"]["associated_files"]] == ["vocabulary.txt"]
        assert "last 12 characters" in told["input"]["description"] and "capitals" in told["input"]["description"]


class TestFiles:
    def test_any_zip_program_opens_them(self, image):
        with zipfile.ZipFile(io.BytesIO(image)) as archive:
            assert archive.namelist() == ["labels.txt"] and archive.testzip() is None
            assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
        assert metadata.files(image) == {"labels.txt": "red\ngrün\nsky blue\n".encode()}

    def test_a_file_without_any_is_refused(self, bare):
        with pytest.raises(UserError, match=r"has no labels with it .*export the run again"):
            metadata.files(bare["image"])


class TestRead:
    def test_a_file_without_metadata_is_refused(self, bare):
        with pytest.raises(UserError, match=r"has no metadata: export the run again"):
            metadata.read(bare["image"])

    def test_a_file_that_is_cut_off_is_refused(self, image):
        for length in range(0, len(image), 61):
            with pytest.raises(UserError):
                metadata.read(image[:length])

    def test_wrong_labels_are_noticed(self, image):
        with pytest.raises(UserError, match="damaged"):
            metadata.read(image.replace(b"sky blue\n", b"sky BLUE\n"))

    def test_metadata_of_two_inputs_are_not_ours(self, image):
        model = graph.unpacked(image)
        entry, = (entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
        told = metadata.metadata_schema.unpacked(bytes(model.buffers[entry.buffer].data))
        told["subgraph_metadata"][0]["input_tensor_metadata"] *= 2
        model.buffers[entry.buffer].data = np.frombuffer(metadata.metadata_schema.packed(told), "uint8")
        with pytest.raises(UserError, match="are damaged"):
            metadata.read(graph.packed(model))

    def test_wrong_bytes_never_raise_anything_else(self, text):
        random = np.random.default_rng(0)
        refused = 0
        for _ in range(200):
            broken = bytearray(text)
            for place in random.integers(0, len(text), 10):
                broken[place] = random.integers(0, 256)
            try:
                metadata.read(bytes(broken))
            except UserError:
                refused += 1
        assert refused > 100
