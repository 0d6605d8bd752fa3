"""Write the page on reliability from its record: `python -m pages.reliability` writes book/reliability.md.

`python -m benchmarks.reliability` makes reliability.json, which holds what became of hostile inputs, kills, full disks
and lost processes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pages.markdown import table
from vaelib.support.files import atomic_write

ROOT = Path(__file__).parents[1]
RECORD, PAGE = ROOT / "benchmarks" / "recorded" / "reliability.json", ROOT / "book" / "reliability.md"
Row = Mapping[str, object]

HEAD = """% Written by pages/reliability.py from the recorded file. Do not edit: make reliability

# Reliability

This page counts what becomes of hostile inputs, of commands that are killed, of full disks, and of training runs that
lose a process. Below each table stand its date, seed, command and machine. Each trial has a seed of its own, so each
can be repeated. Other work shared the machine, so times are those of the processor where they are not called otherwise.
The last section tells what failed on the way, and what was changed. A row that had found a fault was run again in full
after the repair. Rows that had found none were not repeated after later repairs."""

FUZZING = """## Changed inputs

Good files were changed at random. Bytes were flipped, removed, repeated, or replaced by numbers at the edge of their
range. Other inputs stayed well formed and got hostile contents: names such as `../x` in an archive, a tar's header with
a right checksum, the header of a checkpoint with other values. The answer has to be a result or one sentence. Archives
were prepared in full, so `outside` counts files that they wrote outside of the target folder. An image that cannot be
decoded is left out and named, which counts as a result. Each kind was read in one process of its own. Its memory
includes Python and PyTorch, which take about {base} MB before the first input."""

RARE = """{inputs:,} inputs without a fault leave room for one fault in {room:,} (with 95 % confidence). What is rarer
cannot be found in this way."""

BOMBS = """## Archives that are made to do harm

Each was given to `vaelib prepare`. An archive is never unpacked, except that a compressed tar becomes a temporary file
without a name. Nothing may grow by more than a factor of 100, no list of members may have more than a million files,
and large pictures are decoded one at a time. *Finished* means that the archive was prepared, without the picture that
is too large where it holds one."""

PICKLES = """## Files that run code, and pictures of your own

A pickle can run any code when it is loaded. Checkpoints, statistics and codes are safetensors, which cannot. A test
reads all Python code of the project and finds no call that would load a pickle. Another puts pickles in place of each
file of a run and of a prepared cache, and sees that none is opened (`tests/test_pickles.py`). There is one exception:
the official files of CIFAR-10 are pickles. torchvision compares their checksums with the published ones first, and a
file that differs is never opened (`tests/data/test_cifar10.py`). The weights of the optional second network, from the
package index, are read by `torch.load` with `weights_only`, which runs no code.

A picture of your own in the explorer, from a file or from the camera, stays in the browser. A test chooses a picture,
takes another with the camera, encodes both, logs every request of the page, and blocks those to other places. The page
requests nothing but the scripts of its weights (`tests/site/test_live.py`)."""

KILLS = """## Commands that are killed

A command was killed by SIGKILL at a random moment and then given again, the training with `--resume`. Each was forked
from a process that had imported everything, so that the kill meets its work and not its start. `vaelib prepare` read
240 drawn faces. `vaelib train` trained a small VAE on them for three epochs, and `vaelib evaluate` measured it.
After the kill every file under its own name has to be whole. At the end every file has to be that of an undisturbed
command, bit for bit: arrays, weights, the state to resume from, statistics, codes, pictures, settings, history and
metrics. Only times are left out of this comparison. In a few trials the command ended before it was killed. They are
not counted as kills."""

BEGUN = """`vaelib prepare` had a file on the disk in {begun} of its trials; before that it decodes."""

DISKS = """## Full disks

The command wrote over older files on a disk of its own. In half of the trials the disk was filled at a random moment.
In the others it had too little room for some of the new files. The command has to end with one sentence, and every old
file has to be there, whole, as it was or as the finished command leaves it. Only statistics and codes may be missing
when the weights that they described have been replaced: training with `--resume` makes new ones. A command that finds
enough room finishes as usual."""

PROCESSES = """## Several processes

A VAE without batch normalisation was trained by several processes on CPUs and by one, on five seeds. All losses of all
epochs may differ by 0.001 % at most, because numbers are added in another order."""

LOST = """Then one of the processes was killed at a random moment of training, without a launcher that would end the
others. They have to end with a sentence. Times are those of the clock. A process that never starts is waited for by
PyTorch's default, half an hour."""

NOTEBOOKS = """## The tests of the notebooks

All chapters were executed and compared with their stored outputs, ten times on a quiet machine and ten times beside
processes that kept both cores busy. A flake is a cell that fails in one of these runs."""

NOT_YET = """## The tests of the notebooks

They have not been run twenty times yet: `python -m benchmarks.reliability --stage notebooks` does it, in hours."""

TOLD = """## What failed on the way

Everything in this list was found by these trials, or by writing them. Each was repaired for all cases of its kind, and
has a test.

- **A full disk cost statistics and codes.** Training with `--resume` removed those of the old weights before the new
  weights were on the disk. They are now removed afterwards.
- **A damaged prepared cache gave a traceback** in 59 of the first 300 trials, when the header of an array was damaged,
  and once in 10,000 later ones, when half a split was missing from the index. Headers and index are now compared in
  full, and such a cache is prepared again.
- **A file's name could break a message into lines.** One of 3,372 zips had a name with a line break in it. Control
  characters are now shown as escapes, which also keeps a name from moving the cursor.
- **A setting could ask for more memory than there is.** `--set latent_dim=1000000000` gave a traceback. A model of more
  than 268 million weights is now refused before it is built.
- **Four threads decoded four large pictures at once**, and took 5.7 GB for an archive of 0.1 MB. Of pictures with more
  than 25 million pixels only one is now in memory at a time. A single one with transparency still took 2.6 GB, so white
  is now laid under it strip by strip.
- **Archives could keep their reader busy.** A zip of 57 MB with a million names took 1.5 GB, and more names took more.
  A tar could announce a name of gigabytes, go backwards for ever, or hold a number of 60,000 digits that Python's
  `tarfile` read for ten seconds. All are now refused.
- **A process that lost its partner ended with a traceback.** It now ends with one sentence."""


def main() -> None:
    page = text(json.loads(RECORD.read_text(encoding="utf-8")))
    with atomic_write(PAGE) as partial:
        partial.write_text(page, encoding="utf-8")


def text(record: dict) -> str:
    """The text of the page."""
    blocks = [HEAD]
    for stage, section in SECTIONS.items():
        if rows := record.get(stage):
            blocks += section(rows)
        elif stage == "notebooks":
            blocks.append(NOT_YET)
        if stage == "bombs":
            blocks.append(PICKLES)
    return "\n\n".join([*blocks, TOLD]) + "\n"


def fuzzing(rows: Mapping[str, Row]) -> list[str]:
    """What became of changed inputs."""
    keys = ("runs", "results", "sentences", "tracebacks", "files outside", "slowest, s", "most memory, MB")
    header = ("inputs", "number", "results", "sentences", "tracebacks", "outside", "slowest, s", "memory, MB")
    inputs = min(row["runs"] for row in rows.values())
    about = FUZZING.format(base=BASE_MEMORY)
    rare = RARE.format(inputs=inputs, room=round(inputs / 3))  # the rule of three
    return [about, _table("fuzzing", "Files changed at random, and what reading them gave.", header, keys, rows), rare]


BASE_MEMORY = 330  # of a process that has imported everything


def bombs(rows: Mapping[str, Row]) -> list[str]:
    """What became of archives that are made to do harm."""
    header = ("archive", "size, MB", "seconds", "memory, MB", "written, MB", "ending")
    keys = ("size, MB", "slowest, s of the processor", "most memory, MB", "most written, MB", "ending")
    caption = "Archives that would fill the disk or the memory, or keep their reader busy."
    said = [f"- {name}: *{row['said'].removeprefix('vaelib: ')}*" for name, row in rows.items()]
    return [BOMBS, _table("bombs", caption, header, keys, rows), "What each ended with:", "\n".join(said)]


def kills(rows: Mapping[str, Row]) -> list[str]:
    """What became of killed commands."""
    header = ("command", "trials", "killed", "half-written", "lost", "different", "temporary files left")
    keys = ("runs", "killed", "half-written", "lost", "different afterwards", "temporary files left")
    begun = BEGUN.format(begun=rows["prepare"]["files on the disk"]) if "prepare" in rows else ""
    about = f"{KILLS} {begun}".strip()
    return [about, _table("kills", "Commands killed at random moments, and given again.", header, keys, _verbs(rows))]


def disks(rows: Mapping[str, Row]) -> list[str]:
    """What became of commands on full disks."""
    header = ("command", "trials", "sentences", "finished", "tracebacks", "half-written", "old files lost")
    keys = ("runs", "sentences", "finished", "tracebacks", "half-written", "old files lost")
    return [DISKS, _table("disks", "Commands whose disk was or became full.", header, keys, _verbs(rows))]


def processes(rows: Mapping[str, Row]) -> list[str]:
    """What several processes computed, and what became of those that lost one."""
    equal = {name: row for name, row in rows.items() if "largest relative difference" in row}
    lost = {name: row for name, row in rows.items() if name not in equal}
    blocks = []
    if equal:
        shown = {
            name: {**row, "difference": f"{100 * row['largest relative difference']:.5f} %"}
            for name, row in equal.items()
        }
        header = ("processes", "seeds", "largest difference", "outside the tolerance")
        keys = ("runs", "difference", "outside the tolerance")
        caption = "Losses of several processes compared with those of one."
        blocks += [PROCESSES, _table("processes", caption, header, keys, shown)]
    if lost:
        header = ("which", "trials", "others", "sentences", "tracebacks", "hangs", "slowest end, s")
        keys = ("runs", "others", "sentences", "tracebacks", "hangs", "slowest end, s")
        blocks += [LOST, _table("lost", "How the other processes ended.", header, keys, lost)]
    return blocks


def notebooks(rows: Mapping[str, Row]) -> list[str]:
    """How often the notebooks' tests failed."""
    header = ("runs of all chapters", "number", "cells", "flakes", "slowest, minutes")
    keys = ("runs", "tests", "flakes", "slowest run, minutes")
    return [NOTEBOOKS, _table("notebooks", "Runs of all notebooks' tests, and cells that failed.", header, keys, rows)]


SECTIONS: dict[str, Callable[[Mapping[str, Row]], list[str]]] = {
    "fuzzing": fuzzing,
    "bombs": bombs,
    "kills": kills,
    "disks": disks,
    "processes": processes,
    "notebooks": notebooks,
}


def _verbs(rows: Mapping[str, Row]) -> dict[str, Row]:
    return {f"`vaelib {verb}`": row for verb, row in rows.items()}


def _table(name: str, caption: str, header: Sequence[str], keys: Sequence[str], rows: Mapping[str, Row]) -> str:
    """A table of some numbers of each row, and below it how the rows were made."""
    cells = [[title, *(_cell(row[key]) for key in keys)] for title, row in rows.items()]
    return table(f"tab-reliability-{name}", caption, header, cells) + "\n\n" + _made(rows)


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _made(rows: Mapping[str, Row]) -> str:
    """When, by which command and where the rows of a table were made."""
    groups: dict[str, list[str]] = {}
    for name, row in rows.items():
        command, _, rest = row["command"].partition(" --only ")
        trials = rest.rpartition(" ")[2]
        versions = ", ".join(f"{package} {number}" for package, number in row["versions"].items())
        how = f"{row['date']}, seed {row['seed']}, `{command} --trials {trials}`, on {row['machine']}, with {versions}"
        groups.setdefault(how, []).append(name)
    if len(groups) == 1:
        return f"Made on {next(iter(groups))}."
    return "\n".join(f"- {', '.join(names)}: made on {how}." for how, names in groups.items())


if __name__ == "__main__":
    main()
