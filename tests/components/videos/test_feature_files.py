"""Precomputed features are read exactly, or refused with the fault; nothing is unpickled."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from topiclens.components.videos.decoding import DecodingLimits
from topiclens.components.videos.feature_files import FeatureError, read_features, split_reference

FRAMES = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)


def save(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8])
def test_a_npy_is_read_as_float32_whatever_its_numbers(dtype, tmp_path):
    values = (10 * np.abs(FRAMES) + 1).astype(dtype)
    frames = read_features(save(tmp_path / "a.npy", values))
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, values.astype(np.float32))


def test_a_bundle_gives_the_row_of_its_id(tmp_path):
    bundle = np.stack([FRAMES, 2 * FRAMES])
    np.savez(tmp_path / "b.npz", ids=np.array(["a", "b#1.jpg"]), features=bundle)
    np.testing.assert_array_equal(read_features(f"{tmp_path}/b.npz#b#1.jpg"), bundle[1])


def test_a_quantised_bundle_is_scaled_by_its_formula(tmp_path):
    codes = np.random.default_rng(1).integers(1, 256, size=(3, 4, 6), dtype=np.uint8)
    np.savez_compressed(tmp_path / "q.npz", ids=np.array(list("abc")), q=codes, scale=np.float32(7.5))
    expected = [[7.5 * (code / 255) ** 2 for code in frame] for frame in codes[2].astype(float)]
    np.testing.assert_allclose(read_features(f"{tmp_path}/q.npz#c"), expected, rtol=1e-6)


def test_a_bundle_that_was_replaced_is_read_anew(tmp_path):
    for factor in (1, 3):
        (tmp_path / "b.npz").unlink(missing_ok=True)
        np.savez(tmp_path / "b.npz", ids=np.array(["a"]), features=factor * FRAMES[None], unused=np.zeros(factor))
        np.testing.assert_array_equal(read_features(f"{tmp_path}/b.npz#a"), factor * FRAMES)


def test_zero_rows_at_the_end_are_padding_and_cut_off(tmp_path):
    inside = FRAMES.copy()
    inside[2] = 0
    padded = np.concatenate([inside, np.zeros((3, 8), np.float32)])
    np.testing.assert_array_equal(read_features(save(tmp_path / "a.npy", padded)), inside)


@pytest.mark.parametrize(
    "array,message",
    [
        (FRAMES[0], r"'a.npy' has shape \(8,\); expected \(time, dim\)"),
        (FRAMES[None], r"'a.npy' has shape \(1, 5, 8\)"),
        (FRAMES[:0], r"'a.npy' has shape \(0, 8\)"),
        (FRAMES[:, :0], r"'a.npy' has shape \(5, 0\)"),
        (np.where(FRAMES > 1, np.nan, FRAMES), r"'a.npy' has \d+ values that are NaN or infinite"),
        (np.where(FRAMES > 1, np.inf, FRAMES), r"'a.npy' has \d+ values that are NaN or infinite"),
        (FRAMES.astype(float) * 1e300, r"'a.npy' has \d+ values that are NaN or infinite in float32"),
        (np.zeros_like(FRAMES), "'a.npy' is zero everywhere"),
        (FRAMES.astype(complex), "'a.npy' holds complex128; expected real numbers"),
        (FRAMES.astype("U5"), "'a.npy' holds <U5; expected real numbers"),
    ],
)
def test_an_array_that_is_no_features_is_told(array, message, tmp_path):
    with pytest.raises(FeatureError, match=message):
        read_features(save(tmp_path / "a.npy", array))


def header(shape, dtype="<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(
    "content,message",
    [
        (b"", "'a.npy' cannot be read as a NumPy file"),
        (b"not numpy", "'a.npy' cannot be read as a NumPy file"),
        (header((5, 8)) + FRAMES.tobytes()[:-9], "'a.npy' cannot be read as a NumPy file"),
        (header((10**9, 10**3)), "'a.npy' cannot be read as a NumPy file"),
        (pickle.dumps({"a": 1}), "'a.npy' cannot be read as a NumPy file"),
    ],
)
def test_a_damaged_npy_is_told_and_takes_no_memory(content, message, tmp_path):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(FeatureError, match=message):
        read_features(tmp_path / "a.npy")


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_pickled_objects_are_refused_unread(tmp_path):
    objects = np.array([Bomb()], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "b.npz", ids=objects, features=FRAMES[None])
    for reference in ("a.npy", "b.npz#a"):
        with pytest.raises(FeatureError, match="pickled objects|but holds something else"):
            read_features(tmp_path / reference)


def bundle_of(path, **members: bytes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def test_a_bundle_that_is_not_one_is_told(tmp_path):
    path, reference = tmp_path / "b.npz", f"{tmp_path}/b.npz#a"
    ids = np.array(["a"])
    for arrays, message in [
        ({"ids": ids}, r"'b.npz' holds the arrays \['ids'\]; expected `ids` with `features`"),
        (
            {"ids": ids, "q": np.ones((1, 2, 3), np.uint8)},
            "expected `ids` with `features`, or `ids` with `q` and `scale`",
        ),
        ({"ids": ids, "features": FRAMES}, r"'b.npz' has `ids` of shape \(1,\) .* for features of shape \(5, 8\)"),
        ({"ids": np.array([1]), "features": FRAMES[None]}, r"'b.npz' has `ids` of shape \(1,\) \(int64\)"),
        ({"ids": ids, "q": FRAMES[None], "scale": np.float32(1)}, "'b.npz' has `q` of float32"),
        ({"ids": np.array(["x"]), "features": FRAMES[None]}, "'b.npz' has no features for 'a'; it holds 1 others"),
    ]:
        path.unlink(missing_ok=True)
        np.savez(path, **arrays)
        with pytest.raises(FeatureError, match=message):
            read_features(reference)


def test_a_bundles_array_that_is_declared_larger_than_it_is_takes_no_memory(tmp_path):
    ids = io.BytesIO()
    np.save(ids, np.array(["a"]))
    bundle_of(tmp_path / "b.npz", ids=ids.getvalue(), features=header((1, 10**9, 10**3)))
    with pytest.raises(FeatureError, match="'b.npz:features' is declared as .* but holds something else"):
        read_features(f"{tmp_path}/b.npz#a")


def test_what_is_too_large_is_told_with_the_limit(tmp_path):
    save(tmp_path / "a.npy", FRAMES)
    np.savez_compressed(tmp_path / "b.npz", ids=np.array(["a"]), features=np.zeros((1, 1000, 100)))
    for reference, name in (("a.npy", "a.npy"), ("b.npz#a", "b.npz:features")):
        with pytest.raises(FeatureError, match=f"'{name}' is .* at most 200 are read .`limits.max_array_bytes`."):
            read_features(tmp_path / reference, DecodingLimits(max_array_bytes=200))


def test_a_missing_file_is_told(tmp_path):
    for reference in ("a.npy", "b.npz#a"):
        with pytest.raises(FeatureError, match="cannot be opened: No such file"):
            read_features(tmp_path / reference)


@pytest.mark.parametrize(
    "reference,parts",
    [("d/a.npy", ("d/a.npy", None)), ("d/b.npz#a", ("d/b.npz", "a")), ("b.npz#x.npy", ("b.npz", "x.npy"))],
)
def test_a_reference_is_a_file_and_perhaps_an_id(reference, parts):
    assert split_reference(reference) == parts
