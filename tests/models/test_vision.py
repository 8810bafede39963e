import numpy as np
import pytest

from dl100_tf.models import judges_views, pass_on, whiten

RANDOM = np.random.default_rng(0)


def smooth(count=300, side=12):
    """Coloured pictures whose neighbouring pixels are alike, as in photographs."""
    x = RANDOM.normal(size=(count, side + 3, side + 3, 3)).cumsum(axis=1).cumsum(axis=2)
    x = (x - x.min(axis=(1, 2), keepdims=True)) / np.ptp(x, axis=(1, 2), keepdims=True)
    return (255 * x[:, 3:, 3:]).astype("uint8")


def convolution(filters, size, channels=3, **options):
    from keras import layers

    layer = layers.Conv2D(filters, size, **options)
    layer.build((None, None, None, channels))
    return layer


@pytest.fixture(scope="module")
def answers():
    """What a whitening layer makes of pictures, (n, components)."""
    pictures = smooth()
    layer = convolution(24, 2)
    whiten(layer, pictures, epsilon=1e-9)
    return np.array(layer(pictures.astype("float32") / 255)).reshape(-1, 24)


class TestWhiten:
    def test_components_have_variance_one_and_are_uncorrelated(self, answers):
        assert np.cov(answers[:, :12], rowvar=False) == pytest.approx(np.eye(12), abs=0.05)
        assert answers.mean(axis=0) == pytest.approx(np.zeros(24), abs=0.01)

    def test_each_comes_with_its_negative(self, answers):
        assert np.allclose(answers[:, 12:], -answers[:, :12], atol=1e-3)

    def test_what_varies_most_comes_first(self):
        layer = convolution(24, 2)
        whiten(layer, smooth())
        sizes = np.linalg.norm(np.array(layer.kernel).reshape(12, 24)[:, :12], axis=0)
        assert (np.diff(sizes) > 0).all()  # the less a component varies, the more it is amplified

    def test_the_same_pictures_give_the_same_filters(self):
        pictures, one, two = smooth(), convolution(24, 2), convolution(24, 2)
        whiten(one, pictures)
        whiten(two, pictures)
        assert np.array_equal(one.kernel, two.kernel) and np.array_equal(one.bias, two.bias)

    def test_pictures_of_one_colour_stay_finite(self):
        layer = convolution(24, 2)
        whiten(layer, np.full((10, 8, 8, 3), 7, "uint8"))
        assert np.isfinite(layer.kernel).all() and np.isfinite(layer.bias).all()

    def test_grey_pictures_and_larger_patches(self):
        layer = convolution(18, 3, channels=1)
        whiten(layer, smooth()[..., :1])
        out = np.array(layer(smooth()[..., :1].astype("float32") / 255))
        assert out.shape[-1] == 18 and np.isfinite(out).all()

    def test_fewer_filters_take_the_components_that_vary_most(self):
        few, all_ = convolution(8, 2), convolution(24, 2)
        pictures = smooth()
        whiten(few, pictures)
        whiten(all_, pictures)
        kernel, bias = np.array(all_.kernel), np.array(all_.bias)
        assert np.allclose(few.kernel, np.concatenate([kernel[..., :4], kernel[..., 12:16]], axis=-1))
        assert np.allclose(few.bias, np.concatenate([bias[:4], bias[12:16]]))

    @pytest.mark.parametrize("filters", [26, 7])
    def test_a_layer_with_other_filters_is_refused(self, filters):
        with pytest.raises(ValueError, match=f"{filters} filters, but patches of 2 x 2 x 3 have 12"):
            whiten(convolution(filters, 2), smooth())


class TestPassOn:
    @pytest.mark.parametrize(("channels", "filters"), [(3, 5), (5, 3), (4, 4)])
    def test_the_first_filters_hand_on_their_channel(self, channels, filters):
        layer = convolution(filters, 3, channels, padding="same", use_bias=False)
        before = np.array(layer.kernel)
        pass_on(layer)
        x = RANDOM.normal(size=(2, 6, 6, channels)).astype("float32")
        same = min(channels, filters)
        assert np.allclose(np.array(layer(x))[..., :same], x[..., :same], atol=1e-6)
        assert np.array_equal(np.array(layer.kernel)[..., same:], before[..., same:])


@pytest.fixture(scope="module")
def net():
    """A small net that takes pictures of any size, and that neither mirror images nor moved ones leave cold."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    pictures = keras.Input((None, None, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 255)(pictures))
    return keras.Model(pictures, layers.Dense(4, activation="softmax")(layers.GlobalMaxPooling2D()(x)), name="net")


class TestJudgesViews:
    @pytest.mark.parametrize("together", [False, True])
    def test_the_answer_is_the_mean_over_the_views(self, net, together):
        x = smooth(5)
        wide = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
        views = [x, wide[:, 2:, 2:], wide[:, :-2, :-2]]
        views += [view[:, :, ::-1] for view in views]
        answers = [net.predict(view, verbose=0) for view in views]
        model = judges_views(net, (12, 12, 3), together=together)
        assert np.allclose(model.predict(x, verbose=0), np.mean(answers, axis=0), atol=1e-6)
        assert model.output_shape == (None, 4)
        assert np.ptp(answers, axis=0).max() > 1e-4, "the views differ, or the test shows nothing"

    def test_the_mirror_image_is_judged_alike(self, net):
        x, model = smooth(5), judges_views(net, (12, 12, 3), pixels=0)
        assert np.allclose(model.predict(x, verbose=0), model.predict(x[:, :, ::-1], verbose=0), atol=1e-6)

    def test_without_views_it_is_the_net(self, net):
        x, model = smooth(5), judges_views(net, (12, 12, 3), mirror=False, pixels=0)
        assert np.allclose(model.predict(x, verbose=0), net.predict(x, verbose=0), atol=1e-7)

    def test_input_and_output_have_names(self, net):
        model = judges_views(net, (12, 12, 3))
        assert [tensor.name for tensor in model.inputs] == ["image"] and model.output_names == ["probability"]
        assert model.inputs[0].shape == (None, 12, 12, 3) and model.name == "net"

    @pytest.mark.parametrize("together", [False, True])
    def test_the_saved_file_is_enough(self, net, tmp_path, forked, together):
        """Another process, which knows nothing of this package, reads it without a warning and answers the same."""
        net.compile("sgd", "sparse_categorical_crossentropy")
        net.fit(smooth(4), np.arange(4), verbose=0)
        x, model = smooth(5), judges_views(net, (12, 12, 3), together=together)
        model.save(tmp_path / "model.keras")
        np.savez(tmp_path / "expected.npz", x=x, y=model.predict(x, verbose=0))
        code = """
import keras, numpy, sys, warnings
warnings.filterwarnings("error", module="keras")
stored = numpy.load("expected.npz")
model = keras.saving.load_model("model.keras")
assert numpy.allclose(model.predict(stored["x"], verbose=0), stored["y"], atol=1e-7)
assert not [name for name in sys.modules if name.startswith("dl100")]
assert not any(getattr(layer, "compiled", False) for layer in model.layers)
"""
        done = forked(code=code, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
