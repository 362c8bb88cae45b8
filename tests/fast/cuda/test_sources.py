"""The text of the kernels: its ids are listed, its constants those of the twins, and NVRTC compiles it for sm_90."""

import re
from pathlib import Path

import pytest
import strict_cupy
from cuda_on_cpu import signatures

from refimpl.arrays import compile_kernel
from refimpl.fast.cuda import sources
from refimpl.fast.cuda.sources import TOPICS, source
from tests.devices import nvrtc
from tests.fast.cuda.helpers import NEEDS_COMPILER
from tests.traceability.test_ids import BRACKETS, EQUATIONS, ID, read_list

FOLDER = Path(sources.__file__).parent
MOST_REGISTERS = {"persistent": 128}  # 512 threads a block share 65536; others: 2048 threads, less is better
LOOKS_LIKE_AN_ID = re.compile(r"[A-Z][A-Z0-9]*\.")


def ids(text):
    """(line, what stands in brackets in its comment) for everything that looks like an id."""
    for line in text.splitlines():
        code, _, comment = line.partition("//")
        for inside in BRACKETS.findall(comment):
            if LOOKS_LIKE_AN_ID.match(inside):
                yield code.strip(), inside


def test_ids_are_listed_and_stand_on_lines_of_code():
    listed, _ = read_list(EQUATIONS.glob("*.toml"))
    found = [(code, name) for file in FOLDER.glob("*.cu*") for code, name in ids(file.read_text("utf-8"))]
    assert len(found) > 50
    assert [name for _, name in found if not re.fullmatch(ID, name) or name not in listed] == []
    assert [name for code, name in found if not code] == []


def test_the_reader_of_ids():
    assert list(ids("x = y;  // [AB.F1] [AB.F2-F3] why [1]\n// [AB.F4]\na[0] = b;")) == [
        ("x = y;", "AB.F1"),
        ("x = y;", "AB.F2-F3"),
        ("", "AB.F4"),
    ]


def test_every_topic_has_its_file_and_its_kernels():
    assert {file.stem for file in FOLDER.glob("*.cu")} == set(TOPICS)
    for topic in TOPICS:
        assert signatures(source(topic, "float32")), topic
        for single, name in (("1", "float32"), ("0", "float64")):
            assert f"#define SINGLE {single}\n" in source(topic, name)


def test_no_double_constant_in_the_mathematics():
    """A bare 0.5 makes a float expression double, which no test of values would see."""
    for file in FOLDER.glob("*.cu"):
        for line in file.read_text("utf-8").splitlines():
            code = re.sub(r"(REAL|float)\([^()]*\)", "", line.partition("//")[0])
            assert not re.search(r"\d\.\d", code), f"{file.name}: {line.strip()}"


@NEEDS_COMPILER
def test_a_kernel_is_made_once_and_granted_its_memory():
    code = source("update", "float32")
    made = compile_kernel(code, "squares", strict_cupy)
    assert compile_kernel(code, "squares", strict_cupy) is made
    assert made.max_dynamic_shared_size_bytes == 48 << 10
    assert compile_kernel(code, "squares", strict_cupy, shared_bytes=50000).max_dynamic_shared_size_bytes == 50000


def test_another_dtype_has_no_kernels():
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got complex128"):
        source("update", "complex128")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("topic", TOPICS)
def test_nvrtc_compiles_it(topic, dtype):
    nvrtc.require()
    compiled = nvrtc.compile_cuda(source(topic, dtype))
    assert len(compiled.cubin) > 1000
    used = nvrtc.usage(compiled.log)
    assert used.keys() == signatures(source(topic, dtype)).keys()
    for name, kernel in used.items():
        assert kernel.spilled == 0, name
        assert kernel.registers <= MOST_REGISTERS.get(topic, 80), name


def test_nvrtc_refuses_a_wrong_source():
    nvrtc.require()
    with pytest.raises(SyntaxError, match='identifier "tanhh" is undefined'):
        nvrtc.compile_cuda(source("recurrence", "float32").replace("= tanh(a[2])", "= tanhh(a[2])"))
