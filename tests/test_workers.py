"""Processes: jobs come back, deaths stay with one job, and nothing outlives the parent."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from multiprocessing import spawn
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import pytest
import threadpoolctl  # type: ignore[import-untyped]

from asot.errors import (
    ArgumentError,
    AsotError,
    DataError,
    FileError,
    MissingExtraError,
    UnfinishedError,
)
from asot.processes import Died, crew, has_crew, run_jobs
from asot.serving import THREADS
from asot.workers import Workers, in_order, usable_threads
from tests.jobs import (
    Counted,
    Deadly,
    Held,
    Loaded,
    count_up,
    die_elsewhere,
    die_once,
    fail_oddly,
    process_of,
    refuse,
    return_it,
    spread_within,
    square,
    square_unless_odd,
    threads_and_process,
    warn,
    warn_and_log,
)

REPOSITORY = Path(__file__).resolve().parents[1]

LONG = """
import sys
from asot.workers import Workers
from tests.jobs import announce_and_wait
try:  # without a guard: new processes do not run this script
    jobs = [sys.argv[1]] * 3
    list(Workers(2).run(announce_and_wait, jobs, apart=sys.argv[2] == "apart"))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """New processes find this folder's module of jobs."""
    monkeypatch.syspath_prepend(str(REPOSITORY))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def start(folder: Path, announced: Path, where: str = "apart") -> subprocess.Popen[str]:
    """Two processes that leave their numbers in ``announced`` and never end, and their parent.

    Jobs that do not run ``apart`` run in the parent and one other process.
    """
    script = folder / "long.py"
    script.write_text(LONG)
    places = [str(REPOSITORY), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return subprocess.Popen(
        [sys.executable, str(script), str(announced), where],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, places)),
            "ASOT_TESTS_IMPORT": str(announced / "starting"),
        },
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def numbers(announced: Path) -> list[int]:
    """The processes that have begun their jobs."""
    return [int(path.name) for path in announced.iterdir() if path.name.isdigit()]


def alive(process: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def children_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def processes(found: Iterable[tuple[int, tuple[int, int] | Died]]) -> set[int]:
    """The processes that jobs tell in their results."""
    told = set()
    for _, result in found:
        assert not isinstance(result, Died)
        told.add(result[1])
    return told


def test_every_job_comes_back_once() -> None:
    found = list(run_jobs(square, range(7), 2))
    assert sorted(found) == [(number, number**2) for number in range(7)]


def test_no_jobs_start_no_process() -> None:
    assert list(run_jobs(square, [], 4)) == []


def test_jobs_of_one_process_are_run_in_their_order() -> None:
    assert [job for job, _ in run_jobs(square, [3, 1, 2], 1)] == [3, 1, 2]


def test_a_death_is_known_to_its_job_alone(capfd: pytest.CaptureFixture[str]) -> None:
    found = dict(run_jobs(square_unless_odd, range(7), 2))
    died = {job: str(result) for job, result in found.items() if isinstance(result, Died)}
    assert died == {
        1: "its process was killed by signal 9, perhaps for lack of memory",
        3: "its process ended",
        5: "its process ended",
    }
    assert {job: one for job, one in found.items() if job not in died} == {0: 0, 2: 4, 4: 16, 6: 36}
    exit_codes = [one.exit_code for _, one in sorted(found.items()) if isinstance(one, Died)]
    assert exit_codes == [-9, 7, 9]


def test_each_process_has_one_thread_and_this_one_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = [result for _, result in run_jobs(threads_and_process, [0, 1], 1)]
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ
    assert not isinstance(found[0], Died)
    assert not isinstance(found[1], Died)
    assert found[0][0] == ["1"] * len(THREADS)
    assert found[0][1] == found[1][1] != os.getpid(), "one process took both"


def test_the_script_stays_in_its_place_while_processes_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, seen, start = sys.modules["__main__"], [], SpawnProcess.start

    def start_and_look(process: SpawnProcess) -> None:
        seen.append(sys.modules["__main__"] is script)
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", start_and_look)
    prepare = spawn.get_preparation_data

    def lead(_: int) -> dict[int, object]:
        return dict(run_jobs(square, [1, 2], 1))

    with Workers(3).in_use():
        assert list(in_order(lead, range(3))) == [{1: 1, 2: 4}] * 3
    assert seen == [True] * 3
    assert sys.modules["__main__"] is script
    assert spawn.get_preparation_data is prepare


@pytest.mark.parametrize("workers", [Workers(2), Workers(1), Workers(5, "serial")])
def test_workers_give_each_result_and_what_jobs_tell(workers: Workers) -> None:
    told: dict[int, list[int]] = {}
    found = workers.run(count_up, [3, 2], lambda job, value: told.setdefault(job, []).append(value))
    assert dict(found) == {3: 3, 2: 2}
    assert told == {3: [0, 1, 2], 2: [0, 1]}


@pytest.mark.parametrize("workers", [Workers(2), Workers(1)])
@pytest.mark.parametrize(
    "error",
    [
        DataError("a sentence", setting="one", file="there"),
        FileError.at(Path("there"), "is wrong", 3),
        MissingExtraError("library", "extra", "This"),
    ],
)
def test_an_error_of_a_job_is_raised_here(workers: Workers, error: AsotError) -> None:
    with pytest.raises(type(error)) as raised:
        list(workers.run(refuse, [error, error]))
    assert str(raised.value) == str(error)
    assert vars(raised.value) == vars(error)


@pytest.mark.parametrize("two", ["two", "lock"])
def test_an_error_that_cannot_travel_is_told_in_its_words(two: str) -> None:
    with pytest.raises(RuntimeError, match=r"^OddError: one and more$") as raised:
        list(Workers(1).run(fail_oddly, [two], apart=True))
    assert "in fail_oddly" in str(raised.value.__cause__)


@pytest.mark.parametrize("apart", [True, False])
def test_a_job_that_died_is_run_again_and_no_other(tmp_path: Path, apart: bool) -> None:
    jobs = [(tmp_path, number) for number in range(4)]
    found = dict(Workers(2).run(die_once, jobs, apart=apart))
    assert found == dict(zip(jobs, range(4), strict=True))
    begun = [one.name.partition("-")[0] for one in tmp_path.iterdir() if one.name != "died"]
    assert len(begun) == 5
    assert set(begun) == {"0", "1", "2", "3"}


def test_where_no_process_can_begin_jobs_run_here_or_are_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("asot.serving.Connection.recv", raise_end)
    assert dict(Workers(3).run(square, [1, 2, 3])) == {1: 1, 2: 4, 3: 9}
    found = dict(Workers(2).run(square, [1, 2, 3], apart=True))
    assert all(isinstance(one, Died) for one in found.values())
    assert len(found) == 3


def raise_end(pipe: object) -> None:
    raise EOFError


def test_a_job_that_dies_twice_is_told() -> None:
    found = dict(Workers(1).run(square_unless_odd, [0, 1, 2], apart=True))
    assert str(found[1]) == "its process was killed by signal 9, perhaps for lack of memory"
    assert (found[0], found[2]) == (0, 4)


@pytest.mark.parametrize("apart", [True, False])
def test_what_jobs_log_and_warn_of_elsewhere_comes_here(
    apart: bool,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("asot"), "handlers", [])  # of a command that ran here
    with pytest.warns(UserWarning, match="warned$") as warned:
        found = dict(Workers(2).run(warn, ["100 %s", "second"], apart=apart))
    assert found == {one: one for one in ("100 %s", "second")}
    told = {(one.name, one.getMessage()) for one in caplog.records}
    ways = ("logged", "beside")
    assert told == {("asot.jobs", f"{one}, {how}") for one in ("100 %s", "second") for how in ways}
    assert len(caplog.records) == 4
    assert {str(one.message) for one in warned} == {"100 %s, warned", "second, warned"}
    assert {Path(one.filename).name for one in warned} == {"jobs.py"}
    assert capfd.readouterr() == ("", "")


def test_a_warning_elsewhere_is_an_error_where_warnings_are_errors() -> None:
    with pytest.raises(UserWarning, match="one, warned"):
        list(Workers(1).run(warn, ["one"], apart=True))


def test_a_function_is_made_ready_once_for_all_processes() -> None:
    counted = Counted()
    assert dict(Workers(2).run(counted, [1, 2, 3], apart=True)) == {1: 1, 2: 2, 3: 3}
    assert counted.packed == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_processes_of_a_crew_serve_later_runs_and_end_with_it(tmp_path: Path) -> None:
    def process(function: Callable[[int], tuple[int, int]] = process_of) -> int:
        (found,) = processes(Workers(1).run(function, [1], apart=True))
        return found

    with crew():
        first = process(Held(tmp_path / "gone"))
        # While nobody needs the process, what the run held in it is let go.
        wait_for((tmp_path / "gone").exists, "the function is forgotten")
        with crew():
            assert process() == first
        assert process() == first
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: not alive(first), "it is dead")
        second = process()
        assert second != first
        with pytest.raises(DataError, match="refused"):
            list(Workers(1).run(refuse, [DataError("refused")], apart=True))
        assert process() != second, "what was at a job that failed may be anywhere"
        last = process()
        assert alive(last)
    assert not alive(last)
    assert process() != process()


def test_a_crew_replaces_what_was_killed(tmp_path: Path) -> None:
    with Workers(2).in_use():
        Workers(2).ahead(2, 60.0, Deadly(tmp_path / "loading"))
        assert has_crew()
        found = processes(Workers(2).run(process_of, range(40)))
        assert len(found) == 2, "it died while it was loading"
        # As from a function that is killed while it is sent.
        assert len(processes(Workers(2).run(Deadly(tmp_path / "sending"), range(40)))) == 2
        (idle,) = found - {os.getpid()} if has_crew() else {0}
        assert not alive(idle)
        (idle,) = processes(Workers(1).run(process_of, [1], apart=True))
        os.kill(idle, signal.SIGKILL)
        wait_for(lambda: not has_crew(), "it is dead")
        Workers(2).ahead(2, 60.0, None)
        assert has_crew()
    assert (tmp_path / "loading").exists()
    assert (tmp_path / "sending").exists()


def test_a_crew_lasts_as_long_as_the_last_of_its_blocks() -> None:
    with ExitStack() as second:
        with crew():  # as of two threads that fit
            second.enter_context(crew())
            (one,) = processes(Workers(1).run(process_of, [1], apart=True))
        assert processes(Workers(1).run(process_of, [1], apart=True)) == {one}
    assert not has_crew()


def test_threads_that_begin_a_crew_at_once_begin_one(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, start = [], SpawnProcess.start

    def start_slowly(process: SpawnProcess) -> None:
        begun.append(process)
        time.sleep(0.1)
        start(process)

    monkeypatch.setattr(SpawnProcess, "start", start_slowly)
    with crew():
        threads = [
            threading.Thread(target=Workers(2).ahead, args=(2, 60.0, None)) for _ in range(3)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(begun) == 1


def test_a_process_of_a_crew_holds_nothing_while_it_waits(tmp_path: Path) -> None:
    with crew():
        held = Held(tmp_path / "gone")
        list(Workers(1).run(return_it, [held], apart=True))
        wait_for((tmp_path / "gone").exists, "job and result are forgotten")


def test_a_crew_logs_and_warns_as_is_asked_for_now(caplog: pytest.LogCaptureFixture) -> None:
    def told() -> tuple[int, int]:
        caplog.clear()
        with pytest.warns(UserWarning, match="again"):
            list(Workers(1).run(warn_and_log, ["again"], apart=True))
        return len(caplog.records), logging.getLogger("asot").getEffectiveLevel()

    with crew():
        assert told() == (0, logging.WARNING)
        with caplog.at_level(logging.DEBUG, "asot"):
            assert told() == (1, logging.DEBUG)
        assert told() == (0, logging.WARNING)


def test_jobs_have_no_crew() -> None:
    within = dict(Workers(1).run(spread_within, [3], apart=True))
    assert within == {3: (False, {1: 1, 3: 9}, [1, 9])}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows forks no processes")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_process_leaves_the_crew_to_its_parent() -> None:
    with crew():
        Workers(2).ahead(2, 60.0, None)
        forked = os.fork()
        if not forked:
            os._exit(int(has_crew()))
        assert os.waitpid(forked, 0)[1] == 0
        assert has_crew()


def test_a_crew_loads_ahead_what_a_run_will_need(tmp_path: Path) -> None:
    loaded = Loaded(tmp_path / "loaded")
    Workers(2).ahead(2, 60.0, loaded)  # in no crew
    with crew():
        Workers(2).ahead(2, 1.0, loaded)  # for too little work
        Workers(1).ahead(2, 60.0, loaded)
        Workers(2).ahead(1, 60.0, loaded)  # for a single job
        assert not has_crew()
        Workers(2).ahead(2, 60.0, loaded)
        Workers(2).ahead(2, 60.0, loaded)
        assert has_crew()
        wait_for((tmp_path / "loaded").exists, "it has loaded")
        found = processes(Workers(2).run(process_of, list(range(60)), seconds=0.1))
        assert found == {os.getpid(), int((tmp_path / "loaded").read_text())}
        # Others may not see what takes 0 seconds.
        assert processes(Workers(2).run(process_of, list(range(9)), seconds=0.0)) == {os.getpid()}
        (tmp_path / "loaded").unlink()
        Workers(2).ahead(2, 60.0, loaded)  # in the process that is there
        wait_for((tmp_path / "loaded").exists, "it has loaded more")
    with crew():
        Workers(2).ahead(2, 60.0, loaded)  # and ends while it loads
    assert not has_crew()


def test_what_is_in_order_is_shared_with_a_crew(tmp_path: Path) -> None:
    with Workers(2).in_use():
        assert {process for _, process in in_order(process_of, range(9))} == {os.getpid()}
        assert dict(Workers(2).run(square, [1, 2])) == {1: 1, 2: 4}
        found = list(in_order(process_of, range(60)))
        assert [number for number, _ in found] == list(range(60))
        assert len({process for _, process in found}) == 2
        with pytest.raises(DataError, match="refused"):
            list(in_order(refuse, [DataError("refused")] * 3))
        assert dict(Workers(2).run(square, [1, 2])) == {1: 1, 2: 4}
        with pytest.raises(UnfinishedError, match="as its process ended: give the same command"):
            list(in_order(die_elsewhere, [tmp_path / "died"] * 3))


def test_what_cannot_travel_stays_in_this_process() -> None:
    here = threading.Lock()
    assert dict(Workers(2).run(lambda job: here.locked(), [1, 2])) == {1: False, 2: False}
    with pytest.raises(TypeError, match="cannot be given to another process"):
        list(Workers(2).run(lambda job: here.locked(), [1, 2], apart=True))


def test_wrong_workers_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"workers must be an integer of at least 1"):
        Workers(0)
    with pytest.raises(ArgumentError, match=r"engine must be one of serial, processes.*'many'"):
        Workers(2, "many")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("where", ["apart", "beside"])
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path: Path, blow: signal.Signals, where: str) -> None:
    announced = tmp_path / "processes"
    announced.mkdir()
    parent = start(tmp_path, announced, where)
    try:
        wait_for(lambda: len(numbers(announced)) == 2, "two processes begin")
        workers = numbers(announced)
        assert all(alive(one) for one in workers)
        if blow == signal.SIGINT:  # as from a terminal: to all of them
            os.killpg(parent.pid, blow)
        else:
            parent.send_signal(blow)
        assert parent.wait(60) == (130 if blow == signal.SIGINT else -blow)
        wait_for(lambda: not any(alive(one) for one in workers), "its processes end as well")
    finally:
        parent.kill()
    assert parent.stderr is not None
    with parent.stderr as stream:
        assert stream.read() == ""
    assert len(numbers(announced)) == 2, "the third job was not begun"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("moment", ["a process is there", "it imports"])
def test_ctrl_c_while_processes_start(tmp_path: Path, moment: str) -> None:
    parent = start(tmp_path, tmp_path)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    begun: dict[str, Callable[[], bool]] = {
        # The first is multiprocessing's own.
        "a process is there": lambda: len(children.read_text().split()) >= 2,
        "it imports": (tmp_path / "starting").exists,
    }
    try:
        wait_for(begun[moment], moment)
        os.killpg(parent.pid, signal.SIGINT)
        assert parent.wait(60) == 130
    finally:
        parent.kill()
    assert parent.stderr is not None
    with parent.stderr as stream:
        assert stream.read() == ""


CREW = """
import os, signal, sys, time
from pathlib import Path
from asot.processes import crew, run_jobs
from asot.workers import Workers
from tests.jobs import Loaded, Sent, process_of

def stop(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, stop)
moment, place = sys.argv[1], Path(sys.argv[2])
try:
    with crew():
        Workers(2).ahead(2, 60.0, Loaded(place / "loaded"))
        if moment == "loads":
            (place / "now").touch()
            time.sleep(60)
        while not (place / "loaded").exists():
            time.sleep(0.01)
        if moment == "idle":
            list(run_jobs(process_of, [1], 1))
            (place / "now").touch()
            time.sleep(60)
        list(Workers(2).run(Sent(place / "now"), range(2), apart=True))
except KeyboardInterrupt:
    sys.exit(3)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["loads", "idle", "sends"])
def test_a_crew_ends_with_its_parent(tmp_path: Path, moment: str, blow: signal.Signals) -> None:
    (tmp_path / "crew.py").write_text(CREW)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(tmp_path / "crew.py"), moment, str(tmp_path)]
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True, "env": environment}
    parent = subprocess.Popen(command, start_new_session=True, **options)
    try:
        wait_for((tmp_path / "now").exists, moment)
        begun = [int(one) for one in children_of(parent.pid)]
        assert len(begun) >= 2, "one of them is multiprocessing's own"
        # As from a terminal or a batch system: to all of them.
        (os.kill if blow == signal.SIGKILL else os.killpg)(parent.pid, blow)
        assert parent.wait(60) == (-blow if blow == signal.SIGKILL else 3)
        wait_for(lambda: not any(alive(one) for one in begun), "its processes end as well")
    finally:
        parent.kill()
    assert parent.stderr is not None
    with parent.stderr as stream:
        assert stream.read() == ""


@pytest.mark.parametrize("threads", [1, 3, None])
def test_threads_give_results_in_the_order_of_jobs(threads: int | None) -> None:
    def slow_first(job: int) -> int:
        time.sleep(0.02 * (job == 0))
        return job**2

    with Workers(threads).in_use():
        assert list(in_order(slow_first, range(7))) == [one**2 for one in range(7)]
        assert list(in_order(slow_first, [])) == []


def test_threads_run_at_once_with_one_thread_each_inside_libraries() -> None:
    together = threading.Barrier(3, timeout=60)

    def wait_for_others(job: int) -> set[int]:
        together.wait()
        return {one["num_threads"] for one in threadpoolctl.threadpool_info()}

    with Workers(3).in_use():
        assert list(in_order(wait_for_others, range(3))) == [{1}] * 3


def test_an_error_in_a_thread_is_told_and_begins_no_further_job() -> None:
    begun = []

    def fail_at_two(job: int) -> int:
        begun.append(job)
        if job == 2:
            raise ValueError("two")
        time.sleep(0.05)
        return job

    with Workers(2).in_use(), pytest.raises(ValueError, match="two"):
        list(in_order(fail_at_two, range(100)))
    assert len(begun) < 20


def test_threads_are_as_many_as_asked_for_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 2, 5}, raising=False)
    expected = {"1": 1, "2": 2, "": 3, "0": 3, "many": 3, "100000": 3}
    for asked, threads in expected.items():
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert usable_threads() == threads
    with Workers(7).in_use():
        assert usable_threads() == 7
