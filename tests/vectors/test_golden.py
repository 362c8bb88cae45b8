"""The linter of the golden vectors: nothing in them can hide a mistake, and none changes.

What each of them catches is in tests/checks/test_golden_mistakes.py.
"""

import json
import re

import numpy as np
import pytest

from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.checks.conformance import MISTAKES, OPS
from refimpl.checks.conformance.case import quantity
from refimpl.checks.vectors import FOLDER, INDEX, README, SCHEMA_FILE, index_text, read_vectors, vector_ids
from tests.vectors.json_schema import faults

MOST_BYTES = 1_000_000
SQUARE = ("W_h", "peephole")  # H by H; three rows whatever H is
LISTED = {  # an id never changes its meaning: a new meaning is a new id, and a line is only ever added here
    "sigmoid-001": "c50e15a545504a2cbe4e15c94bd87c0963c61257adc220152f0e8e799c547aca",
    "hard-sigmoid-001": "531f1830a557e0a6d57d871bd13986fb941e12d271b48d7400f0c6bb2b09a470",
    "tanh-001": "2a250ca4e72ab318750e14876dfb06293a43386a9f9e10165f08de8f88b18d52",
    "softmax-001": "e4b62fe16fe1fdb73507d263cf3c90820de9cb4ec3520bf5020f8815a4417382",
    "gate-input-001": "e2f7219649c1bc05448f7452802fc77698597bc1274485ef304354a1c81acef7",
    "gate-input-002": "0cb4d9418ab4ebc29d8b530812da24b42dfb6aff69927fc510922832bf484065",
    "token-input-001": "54fa3eeb62f0d3a9ce89ae520073749d4b40d4ae0e98e3e55a8aa2ac7f3747c5",
    "token-input-002": "ff9934872650a038dcaa8a95b0ef179963e42fc5e70bead3f568693574e56bf6",
    "embedding-001": "5b1b28d77b140e4364fda1ab22c9b400b674c90ca6a4ea6b539a75902458adbc",
    "embedding-002": "3e7bea3ceac0a9d9f30fc20654e1ecb5b11247aa687e98c54246376e3d7a459e",
    "scale-001": "cd89c7cde7832897af24b56f782108539ca63a33615c6c2de25946f9c042c098",
    "rnn-001": "10718d32d38b447525d4f9bd463e0c9e72cc1382a0635bea917ad8cbd52429bc",
    "rnn-002": "b1f79cad95e2fdc8be0a63afd2b23400b1e3af6503482407b014dc28cd9b8449",
    "softmax-cross-entropy-001": "59851d5d0683dee3adc73f75ebee3abb92c0041e2787ab64cfefdf1f365096af",
    "softmax-cross-entropy-002": "e3d98a4cc7936da176669cf71210848d89444b972e178137e832eebeb8aad766",
    "binary-cross-entropy-001": "af4f05da6385b137c78906dac6383f7a69864dcd492c5f0a3ea87b678a40264e",
    "binary-cross-entropy-002": "da946ebed5cea33e663a2daa373efe9b8f4cf659d8830e319266e746aff042ac",
    "squared-error-001": "5c0def66b5dbfc4b5a29f00e2f8c447ff7e15bb48c6ff17c63f5609af16b62c5",
    "gaussian-weights-001": "b456df60f155a53ff1925beb099a00d91e9d7cc43bbde8aba36b09ba4a06640d",
    "gaussian-weights-002": "754f7ea3a90e83fa7fb8be9e48fd4072a6b7e153397861867ff69448e04e16d7",
    "kl-001": "f0b67b3173bb6a4a3c85bb45feb4b539c804486098a0bd3bca81be5f2048ad76",
    "kl-002": "c1c62a202a3709e3a53378d0e32cdecb04d92d8373c901785fa69188b15c1c3e",
    "kl-003": "832e5d617611cddd854cb36edfb3ac5665f58d632df2719268339d2458a7f0ab",
    "kl-004": "77174b0c273b981a431e08aac41eb97df1f5ba43c5c01e2d5a936f8d56b56b2c",
    "kl-005": "7650952e02a8dcbc3a5e516dc03180909855b77d380f4a91469af846269b4129",
    "kl-006": "5afe23c8bce5ed678fcceb3983b2bac630597ab76c05a2d6859dd40cb3f1dfd6",
    "kl-007": "cea860fac5fe1f8c0e299c50d60fe66d9cc28e4c19b33b06a8876de583b7e586",
    "kl-008": "86e870b2a36286984ad60e8f9e1741856bd9ceac14cd32634fd9726cc490011b",
    "kl-009": "938a002b2d53787e4ff68bbbf6e8fee454655249e6879ca5e88b2269b5c7d956",
    "kl-010": "745cce5a169c41da3a7d4575e80bc2a4df3ab75261ef9945f65be83bf278509b",
    "l2-001": "21077bede85440203876dd81f11549374902674cdb2c73a2aa79e4fc9c97487a",
    "l2-002": "1f6dfec95dcd204df8e5d72e1fd2263360d4d5ba60deaa9a0dcec51786cc9433",
    "affine-001": "8f1ac680223937c19d4a6a5e59d15a34aea7868e64924873a4b54b174cdf73f1",
    "affine-002": "52990783c23ce412281fb3d52ca1d7f90b50868992a312cf089222ceed2b11ac",
    "affine-lrt-001": "4734c141166a1625a01db229e496ea0d5f907a7830722a15de980e26eab7d811",
    "affine-lrt-002": "abb328c03673c3b9b28440471fcdb6b8f2c8399857a5c0f324b905842110d119",
    "affine-lrt-003": "1926a05ae8283be0788164c956dfef245faadc929b34a3ea1995c24fa56f656a",
    "affine-lrt-004": "9e7ac5fba1a5f88e04d912920c4d690cd483605d13be25d5ba0c99940b715d37",
    "affine-flipout-001": "dc97207def017442c9719ce98e40df05fd505464492b1f9e735e77562f098230",
    "affine-flipout-002": "f55eee91a7e983b2183ac75677908cab35e6e366be05d6808bbb383f27d02e80",
    "sparse-affine-lrt-001": "08abb178ae1dae3e7b6e4592053fc5570307c76e978024bca3f6a566b459d83e",
    "sparse-affine-lrt-002": "d1c1a59926579c95333b3bfcd4098fd3d87752ed774975f8828b77745b8faee3",
    "lstm-001": "9349dc05fea5119e17db287add1d7e4cb4a9e8af5ade20a06feae2bfd748ba1b",
    "lstm-002": "6a0cf407f03465845631f8aaad8815d4b192f79ff8b8f7fb7eb48df92562f872",
    "lstm-003": "c467954a64c7a6bf9669236b200aa72b00eacd2e0be3b5d3907e8075bc492cb5",
    "lstm-004": "43de544fa75e734c10093b6edad0fb10dba9fd5d1ae2557b05eb44cc2b522388",
    "lstm-005": "1c669e53a7a22bc47cab01708e78ae3a28c782f799b020908ace2b8c62b5ffd5",
    "lstm-006": "e785510c91ca236eb45cdce247d9c1ada2a69fd5714be55d5b0242912fd92494",
    "lstm-007": "ab4b927cd8b0ace454a2c2c2c7a2d4b8e649ae9d0cfaaa5075bc54321a304ccb",
    "vbd-lstm-001": "a760bbbe3c71aaa7100ef23cdb3b0045b1c8322104cddc134e888f070139dbbb",
    "vbd-lstm-002": "10e3634f722d89e30586089a83c218fdb67cb4deb1678bd57cc872cd4e18f818",
    "sparse-lstm-001": "e95c08eb627bb5c062a68d3a670ab39f5f46caf392186d6262aa6620cf2a21a5",
    "sparse-lstm-002": "415ae0ede106ea8c3d4630fd654ec5404416fae0c18e00bb554c34c18ea9fc17",
    "sparse-lstm-003": "96f92cda1f5b3cfb0d0d71e06baa63d9e166ec2d79f174954b3b6fc2c92ede49",
    "sparse-lstm-004": "abfe71e8792c207472f4516531ad2d543a7cc1a9e20dd5883599c9c9449c837b",
    "group-lstm-001": "55a8c3d4057e484e4f34ba96e4bfdfcb29303bc27220a6fb219360ac3473b8b8",
    "group-lstm-002": "ffca1eaad2d4ef21ce2eb3093d694fbdffc787f8b208197bf0da840652094b38",
    "adam-001": "32c53d3e5fab103a08fcb55827b07050fcbc6a6103139c60c0c74ef0a4424433",
    "adam-002": "229217c096212d50bd814f45789b7517a901699ef0aa4713cf9520b10248b127",
    "clip-001": "3d527dc3a418b0aee5ebc69613ad626f716c9efab71bed0bc02f07c14f5d7a50",
    "clip-002": "8969fe88297e178400fd492907ab04f4c670ce79b103c8ae3f02ea2a658a68b6",
    "step-001": "e1202467205f30afeaab1955d7d0276a7ef35c683a26a6d63ef8be91eecf5401",
    "step-002": "d18d502a84f790984dd82f14b8be25e6d5af4c72a491cf38bed0a47f73216556",
    "step-003": "fea9937438c8ae326e5fc29a950b6878c5c4f0febafb8afd797f77b33768d07b",
    "step-004": "f3cd47fdf9b2429fe3cdfc313276e6cea586adaf3b9181db36f46e16eeb9a788",
    "step-005": "9a3bc5a4cd69f6a5832646856e8b3caaa992b27ccf461b2aadd2055b57cb52a8",
    "step-006": "08e1379c7f2661c446a5a6c7b9b87837499dc6ce3ebe592e1970bbdbc28a340d",
    "step-007": "731d7781df99a743548b9c2b0020d4ff857bbd73cf2593bf7df5265e99fdba7b",
    "step-008": "6b754a76391b44b8c77d3ff692604a8598b89b1afc69dfc39d70391a72e45729",
    "step-009": "7206b39b453980cd54bd9805e5e3d339d63592b0744393e00a94efe46c60d77b",
    "step-010": "6f3e6fc02b693b168cdc5ecee00c6d5a9e202fb9636d9904e5d6b5e4bc071eb6",
    "step-011": "b87f6b657bf7d9d21dfe058f8d0566ec3cbf0726a453d7b29aa31e9bfd8c3fe4",
    "step-012": "6dbb0cb8007ffd9655deda1975d8be04a8d0fc361826afb68484ea5bee1c1cea",
    "step-013": "c0202dce8ed6e30212d59292105984670edfd1f118989c849a73cb0b95bb84c5",
    "step-014": "539b225961ef4938900562854d17edf86c2b4e8dc81e440dbe53405b36f0addc",
    "step-015": "300534881831c255508fbb911dfb40dd06c3fffead46f1ae8e80251f073e916f",
    "step-016": "44aa3c086ff3cb27ed76d17e8335e74a23aa22a908c101f22ff76fae7fe29939",
    "affine-lrt-901": "570ed99bd2904c347130cc5bf589755b88c7955f6bb3cac5b05f72d013e6a42a",
    "affine-lrt-902": "07d01bb90735b279e3595bd275ee3a04b160b84b7a090f25c4763e10ea206420",
    "affine-lrt-903": "e633a073eb073e662f99a8a21ab54ae7077eb8fe40f03130f1eda29ff60ead62",
    "lstm-901": "8fcd214773a73ecb7cea881f63cb93d9c129350645dc8d2898401aca0838fbc0",
    "lstm-902": "270b002811ff6ff469985a92e52b8e3a6f51adc14128efd13e52eb2d1e4f8780",
    "lstm-903": "8677c20c230df3c201bd2857c810f42119dee6b00473110caebd91c0832deb13",
    "lstm-904": "76edc2f6480713931e2b1374c194157dd204c4ea9fc5c24a23e8b3b080ec9b00",
    "lstm-905": "2cfd097d0772227682f393d74412ad464b4fb78753457e7359cbb266f3929412",
    "lstm-906": "be2f7a9866149be0b35f3d308f12d971d5186e0eb48674b0ef8740d03b2b9e90",
    "lstm-907": "60268bbc31f78f7f38e9add024385fd0631410095c2d09f1035f1cf8cecb33e7",
    "lstm-908": "c140394d37da0ddba37245d0d1d60bf823f7a2fc472f3739d5645d838bc99df2",
    "vbd-lstm-901": "ede08b0ec8271ba5fcf7705172bd2f0717742caa58015b770eb40c140435c9d3",
    "vbd-lstm-902": "9ff479851d5d174e6ce456537a528daec98ca74ed9432d2f89a8bd6129dec19f",
    "sparse-lstm-901": "bca38d6465543ab11484b42063b66c588f09d6fedb0597ce7861eed4936ac9fa",
    "sparse-lstm-902": "4c62d1fd8a44b440b7387d7ac8870894da599632688ecc807571082eefd45d3c",
    "sparse-lstm-903": "15c8bbbf0b2f0902350ffed6c34736c0c83518a9fc1d42119b7b9d8c3e97fc66",
    "sparse-lstm-904": "88ad2d64090fe65a6e34d321b3a9c050c82174d6cd7d3ceaeaf5d86d2d01ac9d",
    "group-lstm-901": "b84b72b65bfedd1c152a0c17fb40fa970d14f12864db5574f072ad53c200310d",
    "kl-901": "441b81a99576628852fde79a2d9574b0ca02885c7d6aa0d5fa1b1447b255509b",
    "adam-901": "7771c37771c1601bcfa0033b9867a1576e22c62a4e56b4a198b49ae81c9affa7",
    "clip-901": "47abcc654572221831c1c75af647208b0ead0417ed40544b86c430f7c9baa658",
    "embedding-901": "aa51fafc5bab984d8a2294e96381864ee80ccd7151b6c12bf434bb72db7e635a",
    "step-901": "03e5842dafd014bdbe8d9ee0e97c92c2c0d65265e623b4bbcdb9c13dffe4f1c0",
    "step-902": "541ab9bff50ebaf03c6b1651f716ebd2c1254378fee722d9dcc1e39d93e52aa5",
}


def vectors(result=None):
    return [v for v in read_vectors() if result in (None, v.result)]


VALID, INVALID = vectors("valid"), vectors("invalid")
BY_ID = {v.case.id: v for v in (*VALID, *INVALID)}
NAMED = {mistake.name: mistake for mistake in MISTAKES}


def each(some):
    return pytest.mark.parametrize("vector", some, ids=lambda v: v.case.id)


def floats(vector):
    return {name: a for name, a in vector.case.given.items() if a.dtype.kind == "f"}


def test_ids_and_digests_are_those_of_the_list():
    assert {v.case.id: v.record["sha256"] for v in BY_ID.values()} == LISTED
    assert vector_ids() == list(LISTED)


def test_nothing_else_lies_in_the_folder():
    expected = {
        INDEX,
        README,
        SCHEMA_FILE,
        *(f"{name}.{suffix}" for name in LISTED for suffix in ("json", "safetensors")),
    }
    assert {file.name for file in FOLDER.iterdir()} == expected


def test_size():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= MOST_BYTES


def test_the_index_is_that_of_the_files():
    assert (FOLDER / INDEX).read_text("utf-8") == index_text([v.record for v in BY_ID.values()])


@each(BY_ID.values())
def test_the_record_fits_the_schema(vector):
    assert faults(vector.record, json.loads((FOLDER / SCHEMA_FILE).read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "LSTM-1"}, "pattern"),
        ({"tol": {"float64": 0.0, "float32": 1e-5}}, "more than 0"),
        ({"tol": {"float64": 1e-12}}, "float32 is missing"),
        ({"result": "perhaps"}, "expected one of"),
        ({"result": "invalid"}, "mistake is missing"),
        ({"mistake": "bias-missing"}, "not allowed"),
        ({"confirmed_by": []}, "at least so many entries"),
        ({"more": 1}, "not known"),
        ({"sha256": "00"}, "pattern"),
        ({"tensors": ["W_x"]}, "pattern"),
        ({"config": []}, "expected object"),
    ],
)
def test_the_schema_refuses(change, fault):
    found = faults(BY_ID["lstm-001"].record | change, json.loads((FOLDER / SCHEMA_FILE).read_text("utf-8")))
    assert any(fault in line for line in found), found


@each(BY_ID.values())
def test_names_and_values(vector):
    assert vector.case.id.startswith(vector.case.op.replace("_", "-") + "-")
    assert re.fullmatch(r"[ -~]+", vector.case.comment)
    assert not [name for name, a in (vector.case.given | vector.expected).items() if not np.isfinite(a).all()]
    zero = [name for name, a in vector.expected.items() if not a.any()]
    assert zero == [], "an answer that is zero everywhere shows nothing"


@each(VALID)
def test_numbers_given_are_exact_in_float32(vector):
    for name, array in floats(vector).items():
        assert np.array_equal(array.astype("float32").astype("float64"), array), name


@each(VALID)
def test_no_two_parameters_of_an_array_are_equal(vector):
    """So no two gates, rows, columns or biases are, and a permutation of them shows; nor is one zero."""
    for name, array in floats(vector).items():
        if name.startswith("param.") and vector.case.op != "kl":  # there one mean of zero is meant
            assert len(np.unique(array)) == array.size, name
        if name.startswith(("param.", "input.", "cotangent.")) and vector.case.op != "kl":
            assert np.all(array), f"{name}: a zero hides what it multiplies"


@each(VALID)
def test_all_sizes_differ(vector):
    for name, array in vector.case.given.items():
        sizes = [size for size in array.shape if size > 1]
        if quantity(name) not in SQUARE:
            assert len(set(sizes)) == len(sizes), f"{name}: {array.shape}"
    shapes = [a.shape for n, a in vector.case.given.items() if n in ("input.x", "input.ids")]
    for steps, batch, *_ in shapes:
        assert steps >= 3
        assert batch >= 2
        params = {n: a.shape for n, a in floats(vector).items() if n.startswith("param.") and n != "param.peephole"}
        if vector.case.id == "affine-002":
            params["param.W"] = params["param.W"][1:]  # one for each object
        assert not {steps, batch} & {size for shape in params.values() for size in shape}, params


@each(VALID)
def test_each_step_draws_begin_with_the_one_that_is_shared(vector):
    for name, array in vector.case.given.items():
        if name.endswith("_each_step"):
            shared = vector.case.given[name.removesuffix("_each_step")]
            assert np.array_equal(array[0], shared if shared.ndim == array.ndim - 1 else shared[0])
            assert not any(np.array_equal(one, array[0]) for one in array[1:])


def test_every_mistake_is_caught_by_a_vector_and_every_operation_has_one():
    assert {name for v in VALID for name in v.catches} == NAMED.keys()
    assert {v.case.op for v in VALID} == OPS.keys()
    assert [v.case.id for v in VALID if not v.catches] == []


@each(VALID)
def test_second_routes_agree_within_the_tolerance(vector):
    routes = vector.record["confirmed_by"]
    assert {route["what"] for route in routes} >= {"outputs"}
    if any(name.startswith("grad.") for name in vector.expected):
        assert {route["what"] for route in routes} == {"outputs", "gradients"}
    for route in routes:
        assert route["error"] <= 10.0 * vector.tol["float64"]  # stored rounded up to a power of ten


@each(INVALID)
def test_an_invalid_vector_has_the_arrays_of_the_valid_one(vector):
    valid = BY_ID[vector.record["instead_of"]]
    assert vector.case.config == valid.case.config
    assert vector.tol == valid.tol
    assert vector.mistake in valid.catches
    for name, array in valid.case.given.items():
        assert np.array_equal(array, vector.case.given[name]), name
    assert vector.expected.keys() == valid.expected.keys()


def test_the_readme_names_every_operation_mistake_and_invalid_vector():
    text = (FOLDER / README).read_text("utf-8")
    rows = [re.findall(r"`([^`]+)`", line) for line in text.splitlines() if line.startswith("|")]
    named = {name for row in rows for name in row}
    orders = {name for name in NAMED if name.startswith("gate-order-")}
    assert not (OPS.keys() | (NAMED.keys() - orders)) - named
    for vector in INVALID:
        row = f"| {vector.case.id} | {vector.record['instead_of']} | `{vector.mistake}` |"
        assert row in text.splitlines(), row


def test_the_readme_counts_the_vectors_of_each_operation_and_mistake():
    lines = (FOLDER / README).read_text("utf-8").splitlines()
    for op in OPS:
        ids = ", ".join(v.case.id for v in VALID if v.case.op == op)
        assert [line for line in lines if line.startswith(f"| `{op}` | ") and line.endswith(f" | {ids} |")], op
    for name, mistake in NAMED.items():
        count = sum(name in v.catches for v in VALID)
        row = f"| `{name}` | {mistake.kind} | {mistake.words} | {count} |"
        if name.startswith("gate-order-"):
            row = next(line for line in lines if line.startswith("| `gate-order-XXXX`, 23 of them"))
            assert row.endswith(f" | {count} |")
        assert row in lines


def test_the_readme_has_every_divergence_and_constant():
    text = (FOLDER / README).read_text("utf-8")
    for prior in KL_DIVERGENCES:
        assert f"\n| {prior} | " in text
    for number in (0.63576, 1.87320, 1.48695, 0.64, 1.5, 1.3, 0.03, 1.16145124, 1.50204118, 0.58629921):
        assert re.search(rf"[ (]{re.escape(str(number))}0?[ )]", text), number
