import base64
import zlib

import pytest

from dl100_tf.export import metadata_schema

# Written by tflite-support 0.4.4, with fields and tables that are unknown here in between.
FOREIGN = zlib.decompress(base64.b85decode("".join(r"""
c-n<gy-osQ5FCyJPPoL2p`f6!pfJ%8FeEl65IYMy5*r$RE^2~YBA-fO!Grh$JcR`>V(9}|d(Q6d37sFA?6N<zvwKYdH=Rzmj$<^@Kphc61dRIh!5
GjYPKXZSJYYqvi4y;J+vn{rZBclxhp5mllgBt&#3;}gj)*^bId7ysFd*KEf<}SMpEM1$5`~`mq2+<}s%Vze`_eA)hQ^MJJAXbS&`8hvGX+(vtI*T
u`5Fc0<4HVUw%y8QyClzUPk+O#bZ7eOc8_nF!NMW&Wtt`LDgF8bfBM&b;T_rDGWRUq?b}NK-#4Jr19s+hD3(=EIpgTR?fA;h{K4M-
p>6=w*c0X){EVULjTaz4@RCf&lk60Fi_z_=UMa$%&Z}B)({A|5S)R=an5mh@$nt^RO=2b6-
Lo6|hS%h22Fp*zZhCJu4~vZV!gAY<+iqk*;x3ubMDs89A4(G
""".split())))

TOLD = {
    "name": "m", "description": "É", "version": "1", "author": "a", "license": "MIT", "min_parser_version": "1.2.1",
    "subgraph_metadata": [{
        "input_tensor_metadata": [{
            "name": "one", "content": {"content_properties": {"ImageProperties": {"color_space": "RGB"}}},
            "process_units": [{"options": {"NormalizationOptions": {"mean": [0.0], "std": [1.0]}}}],
            "stats": {"min": [0.0], "max": [255.0]}}],
        "output_tensor_metadata": [
            {"name": "first", "content": {"content_properties": {"FeatureProperties": {}}}},
            {"name": "second", "associated_files": [{"name": "a.txt", "type": "TENSOR_AXIS_LABELS"},
                                                    {"name": "b.txt", "type": "VOCABULARY"}]}],
    }],
}


class TestUnpacked:
    def test_what_another_library_wrote(self):
        told = metadata_schema.unpacked(FOREIGN)
        graph, = told.pop("subgraph_metadata")
        assert told == {"name": "golden", "description": "été", "version": "7", "author": "someone", "license": "MIT",
                        "min_parser_version": "1.2.1"}
        assert graph["output_tensor_metadata"] == [
            {"name": "out", "associated_files": [{"name": "labels.txt", "type": "TENSOR_AXIS_LABELS"}]}]
        assert graph["input_tensor_metadata"] == [{
            "name": "in",
            "content": {"content_properties": {"ImageProperties": {"color_space": "GRAYSCALE"}}},
            "process_units": [
                {"options": {"RegexTokenizerOptions": {
                    "delim_regex_pattern": r"\W+", "vocab_file": [{"name": "vocab.txt", "type": "VOCABULARY"}]}}},
                {},  # a table that is unknown here
                {"options": {"NormalizationOptions": {"mean": [127.5, 1, 2], "std": [127.5]}}}],
            "stats": {"min": [-1, 0], "max": [1]},
        }]

    def test_all_comes_back(self):
        assert metadata_schema.unpacked(metadata_schema.packed(TOLD)) == TOLD

    @pytest.mark.parametrize("content", [b"", b"1234TFL3" + bytes(40), FOREIGN[:60], b"\xff" * 4 + FOREIGN[4:]])
    def test_damage_is_a_value_error(self, content):
        with pytest.raises(ValueError):
            metadata_schema.unpacked(content)


class TestPacked:
    def test_a_field_that_is_not_in_the_schema_is_refused(self):
        with pytest.raises(ValueError, match=r"ModelMetadata has no \['licence'\]"):
            metadata_schema.packed({"name": "m", "licence": "MIT"})
