"""A loss of power, a disk that is full, read-only or gone: on an image of a disk of its own.

What a file system has not written yet is lost: a copy of the image, taken while it is mounted,
holds what reached the disk by then. ext2 has no journal, and neither orders nor hurries anything.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.blows import Case, Ring, environment_of
from tests.cli.test_kills import cases_of

LOSSES = int(os.environ.get("ASOT_LOSSES", "12"))
MEGABYTES = 48
# The options of mkfs and of mount, by name.
KINDS = {
    "ext2": (("mkfs.ext2", "-q", "-F"), "loop"),
    "ext4, hardly ordered": (
        ("mkfs.ext4", "-q", "-F", "-O", "^has_journal"),
        "loop,noauto_da_alloc,nobarrier",
    ),
    "ext4, data later": (
        ("mkfs.ext4", "-q", "-F", "-J", "size=4"),
        "loop,noauto_da_alloc,nobarrier,data=writeback",
    ),
}
STRUCK = ("extract", "extract videos", "data simulate", "train", "page", "share", "relabel")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(7200),
    pytest.mark.skipif(
        os.name == "nt" or os.getuid() != 0 or not Path("/dev/loop0").exists(),
        reason="only a superuser mounts images",
    ),
]


class Disk(Ring):
    """A ring whose folder ``work`` is a disk."""

    kind = "ext2"

    @property
    def image(self) -> Path:
        """Return the file that is the disk."""
        return self.root / "disk.img"

    def clear(self, case: Case) -> None:
        """Make a new disk, and leave ``work`` as it is before the command."""
        self.unmount()
        make, _ = KINDS[self.kind]
        self.image.unlink(missing_ok=True)
        with self.image.open("wb") as stream:
            stream.truncate(MEGABYTES << 20)
        subprocess.run([*make, str(self.image)], check=True)
        self.mount(self.image)
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        if case.before is not None:
            shutil.copytree(case.before, self.work, dirs_exist_ok=True)
        os.sync()

    def mount(self, image: Path, also: str = "") -> None:
        """Mount an image as ``work``."""
        self.work.mkdir(exist_ok=True)
        _, options = KINDS[self.kind]
        command = ["mount", "-o", options + also, str(image), str(self.work)]
        subprocess.run(command, check=True)
        shutil.rmtree(self.work / "lost+found", ignore_errors=True)

    def unmount(self) -> None:
        """Take the disk out, if there is one."""
        while os.path.ismount(self.work):
            if subprocess.run(["umount", str(self.work)], capture_output=True).returncode:
                subprocess.run(["umount", "-l", str(self.work)], check=False)

    def lose_power(self, case: Case, rng: random.Random) -> str:
        """Run a command until power is lost, mend the disk, and give the command again."""
        whole, _, seconds = self.whole(case)
        self.clear(case)
        process = self.start(case)
        time.sleep(rng.uniform(0.2, 1) * seconds)
        left = self.root / "left.img"
        shutil.copyfile(self.image, left)
        process.kill()
        process.communicate()
        self.unmount()
        mended = subprocess.run(["e2fsck", "-fy", str(left)], capture_output=True, text=True)
        assert mended.returncode < 4, mended.stdout
        self.mount(left)
        empty = [one for one in self.work.rglob("*") if one.is_file() and not one.stat().st_size]
        there = len(list(self.work.rglob("*")))
        process = self.start(case)
        _, complaint = process.communicate(timeout=280)
        place = f"{case.name} on {self.kind}, {there} files left, {len(empty)} empty"
        if process.returncode:
            return f"{place}: given again, it ends with {process.returncode}: {complaint}"
        found = self.content(case)
        others = {one for one in {*whole, *found} if whole.get(one) != found.get(one)}
        if others or self.litter(case):
            return f"{place}: given again, {sorted(others)} are others; {self.litter(case)}"
        return ""

    def fail(self, case: Case, how: str, rng: random.Random) -> str:
        """Let a disk fail a command, mend it, and give the command again."""
        whole, _, seconds = self.whole(case)
        self.clear(case)
        filler = self.work / "filler"
        if how == "is full":
            free = shutil.disk_usage(self.work).free - rng.randrange(200) * 1024
            with filler.open("wb") as stream, suppress(OSError):
                stream.write(bytes(max(0, free)))
        process = self.start(case)
        if how != "is full":
            time.sleep(rng.uniform(0.2, 0.9) * seconds)
        while how == "is read-only" and process.poll() is None:
            command = ["mount", "-o", "remount,ro", str(self.work)]
            if not subprocess.run(command, capture_output=True).returncode:
                break
        if how == "is gone":
            os.truncate(self.image, 0)
        _, complaint = process.communicate(timeout=280)
        place = f"{case.name} on a disk that {how} ended with {process.returncode}: {complaint}"
        known = ("No space left on device", "Read-only file system", "Input/output error")
        # What is too late is no failure, nor what a picture or a first page cannot be.
        if process.returncode not in (0, 1, 2) or "Traceback" in complaint:
            return place
        if process.returncode and not any(one in complaint for one in known):
            return place
        if how == "is gone":
            return ""
        subprocess.run(["mount", "-o", "remount,rw", str(self.work)], check=True)
        filler.unlink(missing_ok=True)
        process = self.start(case)
        _, complaint = process.communicate(timeout=280)
        found = self.content(case)
        others = {one for one in {*whole, *found} if whole.get(one) != found.get(one)}
        if process.returncode or others or self.litter(case):
            return f"{place}; and again {process.returncode}: {complaint}; {sorted(others)}"
        return ""


@pytest.fixture
def disk(tmp_path: Path, cache: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path, environment_of(cache))
    yield disk
    disk.unmount()


@pytest.mark.parametrize("kind", KINDS)
def test_power_is_lost_and_the_command_given_again(disk: Disk, seed: int, kind: str) -> None:
    rng, cases = random.Random(seed), cases_of(disk)
    disk.kind = kind
    names = [name for _ in range(LOSSES) for name in STRUCK][:LOSSES]
    wrong = [disk.lose_power(cases[name], rng) for name in names]
    assert not list(filter(None, wrong))


@pytest.mark.parametrize("how", ["is full", "is read-only", "is gone"])
def test_a_disk_fails_and_the_command_is_given_again(disk: Disk, seed: int, how: str) -> None:
    rng, cases = random.Random(seed), cases_of(disk)
    wrong = [disk.fail(cases[name], how, rng) for name in STRUCK]
    assert not list(filter(None, wrong))


def test_a_read_only_folder_is_refused(disk: Disk) -> None:
    case = Case("", ("data", "simulate", "--like", "breakfast", "--out", disk.work / "out"))
    disk.clear(case)
    disk.unmount()
    disk.mount(disk.image, ",ro")
    process = disk.start(case)
    _, complaint = process.communicate()
    assert process.returncode == 2
    rule = f"--out must be a folder to write to, but {disk.work} forbids it."
    assert complaint == f"asot: {rule}\n"
