import numpy as np
import pytest

from dl100_tf.errors import UserError
from dl100_tf.export import inspection

NEEDED = {"serving_default": {"y"}}


def saved(folder, compute, **parts):
    """A SavedModel whose signature computes what a stranger likes."""
    import tensorflow as tf

    module = tf.Module()
    module.weight = tf.Variable(2.0)
    for name, part in parts.items():
        setattr(module, name, part)
    spec = tf.TensorSpec([], tf.string, "x")
    signature = tf.function(lambda x: {"y": compute(x, module.weight)}, [spec], autograph=False)
    tf.saved_model.save(module, str(folder), signatures=signature)
    return folder


def harmless(x, weight):
    import tensorflow as tf

    return tf.cast(tf.strings.length(x), tf.float32) * weight


def reads(x, weight):
    import tensorflow as tf

    return tf.io.read_file(x)


def writes(x, weight):
    import tensorflow as tf

    with tf.control_dependencies([tf.io.write_file(x, "mine now")]):
        return tf.identity(x)


def calls_python(x, weight):
    import tensorflow as tf

    return tf.numpy_function(lambda: np.float32(1), [], tf.float32)


def calls_python_eagerly(x, weight):
    import tensorflow as tf

    return tf.py_function(lambda: 1.0, [], tf.float32)


def prints(x, weight):
    import tensorflow as tf

    with tf.control_dependencies([tf.print(x, output_stream="file:///dev/null")]):
        return tf.identity(x)


def lists(x, weight):
    import tensorflow as tf

    return tf.io.matching_files(x)


def counts_lines(x, weight):
    import tensorflow as tf

    return tf.data.TextLineDataset(x).reduce(np.int64(0), lambda count, _: count + 1)


def saves(x, weight):
    import tensorflow as tf

    saving = tf.raw_ops.SaveV2(prefix=x, tensor_names=["w"], shape_and_slices=[""], tensors=[weight])
    with tf.control_dependencies([saving]):
        return tf.identity(x)


def restores(x, weight):
    import tensorflow as tf

    return tf.raw_ops.RestoreV2(prefix=x, tensor_names=["w"], shape_and_slices=[""], dtypes=[tf.float32])[0]


def hides(x, weight):
    """In the body of a loop in a branch in a function."""
    import tensorflow as tf

    inner = tf.function(lambda: tf.map_fn(tf.io.read_file, x[None]), autograph=False)
    return tf.cond(weight > 0, lambda: tf.cond(weight > 1, inner, lambda: x[None]), lambda: x[None])


class TestInspect:
    def test_a_harmless_one_passes(self, tmp_path):
        inspection.inspect(saved(tmp_path / "model", harmless), NEEDED)

    @pytest.mark.parametrize(("compute", "name"), [
        (reads, "ReadFile"), (writes, "WriteFile"), (calls_python, "PyFunc"), (calls_python_eagerly, "EagerPyFunc"),
        (prints, "PrintV2"), (lists, "MatchingFiles"), (counts_lines, "TextLineDataset"), (saves, "SaveV2"),
        (restores, "RestoreV2"), (hides, "ReadFile")])
    def test_what_reaches_beyond_the_model_is_refused_by_name(self, tmp_path, compute, name):
        folder = saved(tmp_path / "model", compute)
        with pytest.raises(UserError, match=rf"{folder} would run .*\b{name}\b.*It is not loaded"):
            inspection.inspect(folder, NEEDED)

    def test_what_runs_while_loading_is_refused(self, tmp_path):
        import tensorflow as tf

        vocabulary = tmp_path / "words.txt"
        vocabulary.write_text("good\nbad\n")
        where = tf.lookup.TextFileIndex
        table = tf.lookup.StaticHashTable(tf.lookup.TextFileInitializer(
            str(vocabulary), tf.string, where.WHOLE_LINE, tf.int64, where.LINE_NUMBER), 0)
        folder = saved(tmp_path / "model", lambda x, weight: table.lookup(x), table=table)
        with pytest.raises(UserError, match="would run InitializeTableFromTextFileV2"):
            inspection.inspect(folder, NEEDED)

    def test_another_signature_is_refused(self, tmp_path):
        folder = saved(tmp_path / "model", harmless)
        with pytest.raises(UserError, match="not one of ours: it has no classify"):
            inspection.inspect(folder, NEEDED | {"classify": {"scores"}})
        with pytest.raises(UserError, match="not one of ours: it has no probabilities"):
            inspection.inspect(folder, {"serving_default": {"probabilities", "y"}})

    def test_one_of_tensorflow_1_is_refused(self, tmp_path):
        """TensorFlow runs parts of such a graph to load it."""
        import tensorflow as tf
        from tensorflow.core.protobuf import saved_model_pb2

        file = saved(tmp_path / "model", harmless) / "saved_model.pb"
        proto = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        proto.meta_graphs[0].ClearField("object_graph_def")
        file.write_bytes(proto.SerializeToString())
        with pytest.raises(UserError, match="no SavedModel of TensorFlow 2"):
            inspection.inspect(file.parent, NEEDED)
        assert tf.saved_model.contains_saved_model(str(file.parent))

    def test_operations_that_reach_beyond_and_those_that_dont(self):
        import tensorflow as tf

        beyond = """ReadFile WriteFile MatchingFiles WholeFileReaderV2 TextLineReaderV2 TFRecordReaderV2 ReaderReadV2
            InitializeTableFromTextFile InitializeTableFromTextFileV2 InitializeTableFromDataset TextLineDataset
            TFRecordDatasetV2 FixedLengthRecordDatasetV2 SqlDataset CSVDatasetV2 CacheDatasetV2 SnapshotDatasetV2
            SaveDatasetV2 LoadDataset DatasetToTFRecord LMDBReader LMDBDataset ListSnapshotChunksDataset
            DataServiceDatasetV4 RecordInput LoadAndRemapMatrix GenerateVocabRemapping FixedUnigramCandidateSampler
            DecodeProtoV2 EncodeProto FileSystemSetConfiguration Save SaveSlices DistributedSave
            CreateSummaryFileWriter CreateSummaryDbWriter WriteSummary ImportEvent Print PrintV2 DebugIdentity
            DebugIdentityV2 DebugIdentityV3 DebugNanCount DebugNumericSummary Copy CopyHost PyFunc PyFuncStateless
            EagerPyFunc IteratorV2 OneShotIterator RemoteCall Send Recv CollectiveReduceV2 CollectiveBcastSendV2
            NcclAllReduce WorkerHeartbeat ConfigureDistributedTPU TPUPartitionedCall""".split()
        assert [name for name in beyond if not inspection.BEYOND.search(name)] == []
        harmless = """MatMul Conv2D DepthwiseConv2dNative FusedBatchNormV3 MaxPool AvgPool Softmax Sigmoid Relu Cast
            If While StatelessIf StatelessWhile StatefulPartitionedCall PartitionedCall VarHandleOp ReadVariableOp
            AssignVariableOp HashTableV2 LookupTableFindV2 LookupTableImportV2 StringLower StaticRegexReplace
            StringSplitV2 GatherV2 ResourceGather DecodeImage DecodeJpeg DecodeBmp DecodePng DecodeRaw
            ScaleAndTranslate ParseExampleV2 TensorListReserve TensorListStack ShardedFilename Assert EnsureShape
            Einsum Erf Cumsum Fingerprint LogSoftmax StatelessRandomNormalV2 RandomStandardNormal Identity NoOp Pack
            CudnnRNNV3""".split()
        assert [name for name in harmless if inspection.BEYOND.search(name)] == []
        known = set(dir(tf.raw_ops))
        assert set(beyond) | set(harmless) <= known, sorted((set(beyond) | set(harmless)) - known)
