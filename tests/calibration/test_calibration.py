"""Calibration: what is measured, what is kept, and what happens where it cannot be."""

import itertools
import json
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from chainopt import ChainError, Jacobian, JacobianChain, calibration
from chainopt.calibration import cache, calibrate, measure, products, saved_model
from chainopt.calibration import stages as measured_stages
from chainopt.calibration.machine import Machine, this_machine
from chainopt.costs.time import DEFAULT


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A cache of its own, a tiny grid, and nothing known yet."""
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / name))
    monkeypatch.setattr(calibration, "measure", partial(measure, (1, 8, 32), sweeps=1))
    monkeypatch.setattr(cache, "_kept", {})
    return tmp_path / "chainopt"


class Stage:
    """A stage that takes a while for each block."""

    def __init__(self, shape, seconds=0.0, **attributes):
        self.shape = shape
        self.seconds = seconds
        self.__dict__.update(attributes)

    def matmat(self, block):
        time.sleep(self.seconds)
        return np.ones((self.shape[0], block.shape[1]))


def forget():
    cache._kept.clear()


def test_measured_times_are_positive_and_grow():
    model = measure((1, 16, 128), sweeps=2, visit=1e-4, source="a test")
    assert len(model.seconds) == 27
    assert 0 < model.overhead == min(model.seconds) < model.seconds[-1] < 1
    assert 0 < model.sparse_seconds < 1e-3
    assert 0 < model.count_seconds < 1e-3
    assert model.source == "a test"


def test_no_sweep_begins_after_the_budget(monkeypatch):
    monkeypatch.setattr(products, "BUDGET", 0.0)
    shares = []
    measure((1, 2), sweeps=50, visit=0.01, report=shares.append)
    assert shares[-1] == 1.0
    assert shares == sorted(shares)
    assert max(shares[:-1]) < 2 / 50


def test_what_a_disturbance_lengthened_is_measured_again_or_cut(monkeypatch):
    visits = []

    def least_time(call, known, _seconds):
        m, k, n = (*call.args[0].shape, call.args[1].shape[1])
        visits.append((m, k, n))
        stalls = (m, k, n) == (2, 4, 4) or ((m, k, n) == (4, 4, 2) and visits.count((4, 4, 2)) < 5)
        return min(known, 1.0 if stalls else m * k * n * (50.0 if k == 1 else 1.0) * 1e-6)

    monkeypatch.setattr(products, "_least_time", least_time)
    monkeypatch.setattr(products, "MENDING", 0.05)
    model = measure((1, 2, 4), sweeps=2)
    seconds = dict(zip(itertools.product((1, 2, 4), repeat=3), model.seconds, strict=True))
    assert visits.count((1, 2, 2)) == 2
    assert visits.count((4, 4, 2)) == 5
    assert visits.count((2, 4, 4)) > 5
    assert seconds[4, 4, 2] == pytest.approx(32e-6)
    assert seconds[2, 4, 4] == pytest.approx(2 * 64e-6)  # twice what the larger product takes, at the most
    assert seconds[4, 1, 4] == pytest.approx(800e-6)  # not much more than others of its kind


def test_kept_and_found_again(folder, capsys):
    assert saved_model() is DEFAULT
    model = calibrate()
    assert saved_model() is model
    forget()
    assert saved_model() == model
    assert saved_model() is saved_model()
    machine = this_machine()
    assert machine.text in model.source
    (file,) = folder.iterdir()
    assert file.name == machine.file_name
    assert model.sizes == (1, 8, 32)
    assert capsys.readouterr().out == ""
    again = calibrate(progress=True)
    assert [*folder.iterdir()] == [file]
    forget()
    assert saved_model() == again
    assert "100%" in capsys.readouterr().out


def test_other_machines_have_other_files():
    machines = [
        Machine("A", "openblas 1", 2),
        Machine("B", "openblas 1", 2),
        Machine("A", "mkl 1", 2),
        Machine("A", "openblas 1", 1),
    ]
    assert len({machine.file_name for machine in machines}) == 4
    assert machines[0].text == "A, openblas 1, 2 threads"
    assert machines[3].text.endswith("1 thread")
    assert "/" not in Machine("a/b", "c/d: e", 1).file_name


def test_threads_are_told_apart():
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        assert this_machine().threads == 1


def test_a_blas_that_is_not_known(monkeypatch):
    monkeypatch.setattr("threadpoolctl.threadpool_info", list)
    assert np.__version__ in this_machine().blas


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        '{"format": "chainopt.time", "version": 1}',
        '{"format": "chainopt.time", "version": 2}',
        "\xff",
    ],
)
def test_a_damaged_file_is_named(folder, text):
    folder.mkdir()
    file = folder / this_machine().file_name
    file.write_bytes(text.encode("latin-1"))
    for _ in range(2):
        with pytest.raises(ChainError, match="run chainopt calibrate again") as caught:
            saved_model()
        assert str(file) in str(caught.value)
    calibrate()
    forget()
    assert saved_model().sizes == (1, 8, 32)


def test_a_file_cut_short_or_with_bad_numbers_is_damaged(folder):
    calibrate()
    (file,) = folder.iterdir()
    text = file.read_text()
    for damaged in (
        text[:-20],
        json.dumps(json.loads(text) | {"overhead": -1}),
        text.replace('"overhead": ', '"overhead": NaN, "x": '),
    ):
        file.write_text(damaged)
        forget()
        with pytest.raises(ChainError, match="is damaged"):
            saved_model()


def test_where_nothing_can_be_written(folder):
    folder.write_text("a file stands where the directory should be")
    with pytest.raises(ChainError, match=r"cannot be kept in .*this process only.*XDG_CACHE_HOME") as caught:
        calibrate()
    assert str(folder) in str(caught.value)
    assert saved_model().sizes == (1, 8, 32)


def test_an_interruption_leaves_what_was_there(folder, monkeypatch):
    first = calibrate()

    def interrupted(*_args, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(json, "dump", interrupted)
    with pytest.raises(KeyboardInterrupt):
        calibrate()
    monkeypatch.undo()
    assert [file.suffix for file in folder.iterdir()] == [".json"]
    (file,) = folder.iterdir()
    assert tuple(json.loads(file.read_text())["seconds"]) == first.seconds


@pytest.mark.parametrize("package", ["platformdirs", "threadpoolctl"])
def test_without_the_packages(folder, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert saved_model() is DEFAULT
    with pytest.raises(ChainError, match=rf'{package}.*python -m pip install "jacobian-chainopt\[calibrate\]"'):
        calibrate()
    assert not folder.exists()


@pytest.mark.usefixtures("folder")
def test_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    for stages in (None, [Stage((2, 2))]):
        with pytest.raises(ChainError, match=r'rich.*python -m pip install "jacobian-chainopt\[terminal\]"'):
            calibrate(stages, progress=True)


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert 0 < measure((1, 8), sweeps=1, visit=1e-5).sparse_seconds < 1e-3


def test_stages_are_measured_in_seconds_per_vector():
    matrix = np.ones((40, 30))
    given = Jacobian((25, 40), vjp_cost=7, name="known")
    stages = [Stage((30, 25), 0.0002), given, matrix, Stage((30, 4), 0.002, rmatmat=lambda block: np.ones((4, block.shape[1])))]
    stages.insert(0, aslinearoperator(np.ones((5, 30))))
    chain = calibrate(stages)
    assert isinstance(chain, JacobianChain)
    assert chain.dims == (5, 30, 25, 40, 30, 4)
    assert chain[2] == given
    assert not chain[3].is_matrix_free
    both, quick, slow = chain[0], chain[1], chain[4]
    assert both.jvp_cost > 0
    assert both.vjp_cost > 0
    assert 0.0002 / 16 < quick.jvp_cost < slow.jvp_cost
    assert slow.jvp_cost > 0.002 / 4
    assert quick.vjp_cost is None
    assert slow.vjp_cost < slow.jvp_cost


def test_a_bar_for_stages(capsys):
    calibrate([Stage((3, 3)), Stage((3, 2))], progress=True)
    assert "measuring stages" in capsys.readouterr().out


def test_the_dtype_of_a_stage_is_kept():
    seen = []

    def matmat(block):
        seen.append(block.dtype)
        return block

    calibrate([LinearOperator((3, 3), matvec=lambda v: v, matmat=matmat, dtype=np.complex64)])
    assert {*map(str, seen)} == {"complex64"}


def test_a_linear_operator_without_an_adjoint_has_no_vjp():
    chain = calibrate([LinearOperator((3, 3), matvec=lambda v: v, dtype=float)])
    assert (chain[0].jvp_cost > 0, chain[0].vjp_cost) == (True, None)


def test_empty_stages():
    chain = calibrate([Stage((0, 3)), Stage((3, 0))])
    assert chain.dims == (0, 3, 0)


def test_a_slow_stage_is_not_repeated(monkeypatch):
    monkeypatch.setattr(measured_stages, "PATIENCE", 0.001)
    calls = []
    calibrate([Stage((3, 3), matmat=lambda block: (time.sleep(0.002), calls.append(1), block)[2])])
    assert len(calls) == 1


def test_an_answer_that_comes_later_is_awaited():
    class Later(np.ndarray):
        def block_until_ready(self):
            time.sleep(0.002)

    chain = calibrate([Stage((2, 2), matmat=lambda block: block.view(Later))])
    assert chain[0].jvp_cost > 0.0009


def fails(_block):
    msg = "no luck"
    raise RuntimeError(msg)


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (Stage((2, 2), matmat=None, matvec=fails), r"stages\[1\] is a Stage with neither matmat nor rmatmat"),
        (Stage((2, 2), matmat=fails), r"stages\[1\].matmat fails for a block of 2 columns: RuntimeError: no luck"),
        (Stage((2, 2), rmatmat=fails), r"stages\[1\].rmatmat fails"),
        (Stage((2, 2), matmat=lambda _block: 3), r"stages\[1\].matmat fails .*AttributeError"),
        (Stage((2, 2), matmat=lambda block: block[:1]), r"stages\[1\].matmat gives the shape \(1, 2\) .*must be \(2, 2\)"),
        (Stage((2, 30), rmatmat=lambda block: block), r"stages\[1\].rmatmat gives the shape \(2, 2\) .*must be \(30, 2\)"),
        (Stage(None), r"stages\[1\].shape"),
        (Stage((2, -1)), r"stages\[1\].shape"),
        (Stage((3, 2)), r"stages"),
        (object(), r"stages\[1\]"),
    ],
)
def test_stages_that_fail_are_named(stage, message):
    with pytest.raises(ChainError, match=message):
        calibrate([np.ones((2, 2)), stage])


@pytest.mark.parametrize("stages", [3, []])
def test_what_is_no_sequence_of_stages(stages):
    with pytest.raises(ChainError, match="stages"):
        calibrate(stages)


def test_importing_it_imports_no_extra():
    code = "import sys, chainopt.calibration; print(*{'scipy', 'rich', 'platformdirs', 'threadpoolctl'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == ""
