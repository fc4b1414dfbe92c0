"""Tables: every figure of every row, for people, papers and programs."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from asot.benchmark.folder import BenchmarkFolder, Cell, Failure
from asot.benchmark.report import (
    Results,
    collect,
    legend,
    to_csv,
    to_latex,
    to_markdown,
    write_results,
)
from asot.benchmark.summary import FRAME_WEIGHTED, MEAN
from asot.metrics import PUBLISHED, SCORE_TITLES
from asot.model.notes import Published
from asot.model.recipe import Recipe, load_recipe
from asot.runs.run import TrainingPlan
from tests.benchmark.conftest import EGG, TEA, Write

METHODS = ("paper", "kmeans", "uniform")
OTHERS = [
    Published("Others & Sons | 100 %", "A. B., CVPR_2024 #1", "activity", {"mof": 0.5}),
    Published(r"x_{1} ~ \y^2", "C. D.", "activity", {"legacy_f1": 1.25, "miou": 0.25}),
    Published("By recording", "E. F.", "video", {"mof": 0.75}),
]


@pytest.fixture
def results(write: Write, folder: BenchmarkFolder, rng: np.random.Generator) -> Results:
    """Three methods, one of them deterministic, and TW-FINCH; with choices and others' figures."""
    for activity, frames in ((TEA, 30), (EGG, 10)):
        for method in METHODS:
            for seed in (0, 1, 2) if method != "uniform" else (0,):
                mof, objective = rng.random(2).tolist()
                write(method, activity, seed, mof, objective=objective, n_frames=frames)
        write("twfinch", activity, 0, 0.5, shared=False)
    return replace(collect(folder, choices=["objective", "oracle"]), published=OTHERS)


def markdown_tables(text: str) -> dict[str, list[list[str]]]:
    """Rows of cells by heading, the first row being the titles."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.setdefault(heading, []).append(cells)
    return found


def plain(cell: str) -> str:
    return cell.replace("**", "").replace("†", "")


def test_markdown_has_every_figure(results: Results) -> None:
    tables = markdown_tables(to_markdown(results))
    assert len(tables) == 8, "two means and two activities, each at two matchings"
    for heading, (titles, rule, *rows) in tables.items():
        assert titles == ["method", "seeds", *SCORE_TITLES.values()]
        assert rule == ["---"] * len(titles)
        assert {len(row) for row in rows} == {len(titles)}
        own = [row for row in rows if not row[0].startswith("*")]
        # ASOT and k-means: all seeds, and two choices.
        expected = ["ASOT (paper)"] * 3 + ["k-means"] * 3 + ["Uniform split"]
        by_recording = heading.endswith("one matching for each recording")
        if by_recording:
            expected.insert(6, "TW-FINCH")
        assert [row[0] for row in own] == expected
        assert [row[1] for row in own[:6]] == ["3", "objective", "oracle"] * 2
        for row in own:
            pattern = r"\d+\.\d ± \d+\.\d" if row[1] == "3" else r"\d+\.\d"
            assert all(re.fullmatch(pattern, plain(cell)) for cell in row[2:]), row


def test_the_figures_are_percentages_of_the_rows(results: Results) -> None:
    tables = iter(markdown_tables(to_markdown(results)).values())
    for activity in (MEAN, FRAME_WEIGHTED, EGG, TEA):
        for matching in ("activity", "video"):
            rows = [
                one for one in results.rows if (one.activity, one.matching) == (activity, matching)
            ]
            shown = [row for row in next(tables)[2:] if not row[0].startswith("*")]
            for row, one in zip(shown, rows, strict=True):
                for cell, name in zip(row[2:], SCORE_TITLES, strict=True):
                    mean, *deviation = (float(part) for part in plain(cell).split(" ± "))
                    assert mean == pytest.approx(100 * one.scores[name], abs=0.0501)
                    if deviation:
                        assert one.deviations is not None
                        assert deviation[0] == pytest.approx(100 * one.deviations[name], abs=0.0501)


def test_published_rows_and_their_sources(results: Results) -> None:
    text = to_markdown(results)
    tables = markdown_tables(text)
    mean = next(iter(tables.values()))
    others = [row for row in mean if row[0].startswith("*")]
    assert [row[0] for row in others] == [
        *(r"*Others & Sons \| 100 %* [1]", r"*x_{1} ~ \y^2* [2]"),
    ]
    column = {name: 2 + place for place, name in enumerate(SCORE_TITLES)}
    assert [row[column["mof"]] for row in others] == ["50.0", ""]
    assert [row[column["legacy_f1"]] for row in others] == ["", "125.0"]
    assert "Not measured here: [1] A. B., CVPR_2024 #1; [2] C. D.." in text
    assert "Not measured here: [1] E. F.." in text
    per_table = [sum(row[0].startswith("*") for row in rows) for rows in tables.values()]
    assert per_table == [2, 1, 0, 0, 0, 0, 0, 0], "beside the means over all activities alone"


def test_figures_of_all_activities_stand_beside_all_activities_alone(results: Results) -> None:
    recipe = {**results.description.recipe, "n_actions": {TEA: 3, EGG: 3}}
    named = replace(results, description=replace(results.description, recipe=recipe))
    assert named.main("activity").published == OTHERS[:2]
    recipe["n_actions"]["juice"] = 3
    assert named.main("activity").published == []


def test_published_figures_of_a_shipped_recipe(write: Write, folder: BenchmarkFolder) -> None:
    write("paper", TEA, 0, 0.5)
    write("paper", EGG, 0, 0.5)
    path = folder.root / "benchmark.json"
    described = json.loads(path.read_text())
    assert collect(folder).published == []
    described["recipe"] = load_recipe("salads_svm").to_dict()
    described["activities"][TEA]["recordings"] = 47
    path.write_text(json.dumps(described))
    assert collect(folder).published[0].scores["mof"] == 0.599
    for change in ({"simulated": True}, {"recipe": {**described["recipe"], "order_prior": 0.3}}):
        path.write_text(json.dumps({**described, **change}))
        assert collect(folder).published == []
    described["activities"][TEA]["recordings"] = 4
    path.write_text(json.dumps(described))
    assert collect(folder).published == []
    described["recipe"] = load_recipe("desktop_assembly").to_dict()
    path.write_text(json.dumps(described))
    text = to_markdown(collect(folder))
    row = next(line for line in text.splitlines() if line.startswith("| *ASOT* [1] |"))
    assert [cell.strip() for cell in row.split("|")[3:6]] == ["70.4", "45.9", ""]
    assert "Not measured here: [1] Xu and Gould, CVPR 2024." in text


def test_what_is_not_complete_and_what_failed_is_told(
    write: Write, folder: BenchmarkFolder
) -> None:
    for activity in (TEA, EGG):
        write("paper", activity, 0, 0.5)
    write("kmeans", TEA, 0, 0.5)
    folder.write_failure(Cell("kmeans", EGG, 0), "its process ended")
    folder.write_failure(Cell("hmm", EGG, 0), "it is lost")
    text = to_markdown(collect(folder))
    mean, rest = text.split(f"## {EGG}", 1)[0], text.split(f"## {TEA}", 1)[1]
    assert mean.count("Not complete: k-means, Gaussian HMM.") == 4
    assert rest.count("Not complete: Gaussian HMM.") == 2
    assert f"- hmm, {EGG}, seed 0: it is lost\n" in text
    write("kmeans", EGG, 0, 0.5)
    assert "its process ended" not in to_markdown(collect(folder))
    assert f"## Failed\n\n- hmm, {EGG}, seed 0: it is lost\n- kmeans, {EGG}" in text


def test_what_is_not_asked_for_any_more_is_not_missed(
    write: Write, folder: BenchmarkFolder, recipe: Recipe, plan: TrainingPlan
) -> None:
    """A row that failed, or was left half done; what it finished is shown all the same."""
    for activity in (TEA, EGG):
        write("paper", activity, 0, 0.5)
    write("kmeans", TEA, 0, 0.5)
    broken = Failure(Cell("my_module:Broken", EGG, 0), "RuntimeError: broken")
    folder.write_failure(broken.cell, broken.reason)
    for methods, missed in (
        (["paper", "kmeans", "my_module:Broken"], ["k-means", "my_module:Broken"]),
        (["paper", "kmeans"], ["k-means"]),
        (["paper"], []),
    ):
        folder.begin(recipe, plan, False, methods)
        results = collect(folder, failures=[broken])
        assert results.main("activity").incomplete == missed
        text = to_markdown(results)
        assert ("Not complete" in text) == bool(missed)
        assert ("## Failed" in text) == ("my_module:Broken" in methods)
        assert "| k-means |" in text


def test_a_mean_of_unfinished_activities_is_not_shown(
    write: Write, folder: BenchmarkFolder
) -> None:
    write("paper", TEA, 0, 0.5)
    results = collect(folder)
    assert list(markdown_tables(to_markdown(results))) == [
        *("green tea; one matching of actions to classes for each activity",),
        *("green tea; one matching for each recording",),
    ]
    assert results.main("activity").rows == []
    assert results.main("activity").incomplete == ["ASOT (paper)"]


def test_csv_says_the_same_as_numpy(results: Results) -> None:
    table = list(csv.DictReader(io.StringIO(to_csv(results.rows))))
    assert list(table[0]) == [
        *("method", "title", "matching", "activity", "choice", "seed", *SCORE_TITLES),
    ]
    groups: dict[tuple[str, ...], dict[str, dict[str, str]]] = {}
    for line in table:
        place = tuple(line[name] for name in ("method", "matching", "activity", "choice"))
        assert line["seed"] not in groups.setdefault(place, {})
        groups[place][line["seed"]] = line
    assert len(groups) == len(results.rows)
    for (method, _, _, choice), lines in groups.items():
        seeds = [line for seed, line in lines.items() if seed.isdigit()]
        drawn = method in ("paper", "kmeans")
        assert [line["seed"] for line in seeds] == (
            [] if choice else ["0", "1", "2"] if drawn else ["0"]
        )
        assert ("sd" in lines) == (drawn and not choice)
        for name in SCORE_TITLES if not choice else ():
            values = [float(line[name]) for line in seeds]
            assert float(lines["mean"][name]) == pytest.approx(np.mean(values), abs=2e-6)
            if drawn:
                deviation = np.std(values, ddof=1)
                assert float(lines["sd"][name]) == pytest.approx(deviation, abs=3e-6)


def test_cells_from_before_a_published_score_had_its_column(
    write: Write, folder: BenchmarkFolder
) -> None:
    for activity in (TEA, EGG):
        for seed in (0, 1):
            write("paper", activity, seed, 0.5)
            write("kmeans", activity, seed, 0.25)
    path = next((folder.root / "cells" / "paper").glob("*/seed-1.json"))
    stored = json.loads(path.read_text())
    for scores in stored["candidates"][-1]["scores"].values():
        del scores["hvq_jsd"]
    path.write_text(json.dumps(stored))
    results = collect(folder)
    mean = next(iter(markdown_tables(to_markdown(results)).values()))
    assert [row[-1] for row in mean[2:]] == ["-", "12.5 ± 0.0"]
    assert to_latex(results).count("& $-$ ") == 3 * 2, "both means and an activity, by matching"
    found = list(csv.DictReader(io.StringIO(to_csv(results.rows))))
    lacking = {(row["method"], row["seed"]) for row in found if row["hvq_jsd"] == ""}
    assert lacking == {("paper", "1"), ("paper", "mean"), ("paper", "sd")}


def unescaped(text: str, character: str) -> int:
    return len(re.findall(rf"(?<!\\){re.escape(character)}", text))


def latex_rows(text: str) -> list[list[list[str]]]:
    """Rows of cells of each tabular, the first row being the titles."""
    found = re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", text, re.DOTALL)
    return [
        [
            line.removesuffix(r" \\").split(" & ")
            for line in one.splitlines()
            if line.endswith(r"\\")
        ]
        for one in found
    ]


def test_latex_is_well_formed(results: Results) -> None:
    text = to_latex(results)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 8
    halves = latex_rows(text)
    main = [name for name in SCORE_TITLES if name not in PUBLISHED]
    assert len(halves) == 2 * 8
    for place, half in enumerate(halves):
        names = PUBLISHED if place % 2 else main
        titles = [re.sub(r"\\shortstack\[r\]\{(.*)\}", r"\1", cell) for cell in half[0]]
        titles = [title.replace(r"\\", " ") for title in titles]
        assert titles == ["Method", *(SCORE_TITLES[name] for name in names)]
        assert {len(row) for row in half} == {1 + len(names)}
    # Titles and 7 rows, TW-FINCH by recording, others' scores in the half that has them.
    assert [len(half) for half in halves] == [10, 9, 10, 9] + [8, 8, 9, 9] * 3
    for row in (row for half in halves for row in half):
        assert all(unescaped(cell, "$") % 2 == 0 for cell in row)
        assert unescaped("".join(row), "{") == unescaped("".join(row), "}")
        assert unescaped("".join(row), "#") == unescaped("".join(row), "%") == 0
    known = {"begin", "end", "caption", "centering", "toprule", "midrule", "bottomrule"}
    known |= {"pm", "mathbf", "underline", "textbackslash", "textasciitilde", "textasciicircum"}
    known |= {"footnotesize", "setlength", "tabcolsep", "par", "medskip", "noindent", "shortstack"}
    body = [line for line in text.splitlines() if line and not line.startswith("%")]
    assert set(re.findall(r"\\([a-z]+)", "\n".join(body).replace(r"\\", ""))) == known
    assert all(line.startswith("\\") or line.endswith(r"\\") for line in body), (
        "every line of words is a comment or a paragraph"
    )
    assert r"Others \& Sons | 100 \% [1] & 50.0 &" in text
    assert r"x\_\{1\} \textasciitilde{} \textbackslash{}y\textasciicircum{}2 [2] &" in text


def test_latex_has_the_figures_of_markdown(results: Results) -> None:
    def as_markdown(cell: str) -> str:
        cell = re.sub(r"\\mathbf\{([\d.]+)\}", r"**\1**", cell.strip("$"))
        cell = re.sub(r"\\underline\{(.*?)\}", r"\1†", cell)
        return re.sub(r"_\{\\pm (.*)\}", r" ± \1", cell)

    halves = latex_rows(to_latex(results))
    tables = markdown_tables(to_markdown(results)).values()
    for main, others, table in zip(halves[::2], halves[1::2], tables, strict=True):
        own = [row[2:] for row in table[2:] if not row[0].startswith("*")]
        rows = [first[1:] + rest[1:] for first, rest in zip(main[1:], others[1:], strict=False)]
        assert [list(map(as_markdown, row)) for row in rows[: len(own)]] == own


def test_latex_explains_once_and_captions_are_short(results: Results) -> None:
    text = to_latex(results)
    (note,) = (line for line in text.splitlines() if line.startswith(r"\noindent"))
    assert text.index(r"\end{table}") < text.index(note) < text.rindex(r"\begin{table}")
    assert "Underlined: the best mean of a column." in note
    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert len(captions) == 8
    for caption in captions:
        assert len(caption) < 450
        assert re.search(r"; one matching .*\. Recipe .*; K = 3; 2 epochs; seeds 0 to 2\.", caption)
    for words in ("sample standard deviation", "false discovery rate", "Uniform split: "):
        assert text.count(words) == 1


@pytest.fixture
def good_and_bad(write: Write) -> None:
    for seed, (good, bad) in enumerate([(0.9, 0.2), (0.7, 0.4)]):
        for activity in (TEA, EGG):
            write("paper", activity, seed, good, objective=seed)
            write("kmeans", activity, seed, bad, objective=seed)


@pytest.mark.usefixtures("good_and_bad")
def test_latex_marks_the_best_mean_of_each_column(folder: BenchmarkFolder) -> None:
    main, others = latex_rows(to_latex(collect(folder, choices=["oracle"])))[:2]
    asot, chosen, kmeans, _ = (a + b[1:] for a, b in zip(main[1:], others[1:], strict=True))
    assert (asot[0], chosen[0], kmeans[0]) == ("ASOT (paper)", "ASOT (paper), by oracle", "k-means")
    lower = ("jsd", "hvq_jsd")
    assert asot[1] == r"$\underline{\mathbf{80.0}}_{\pm 14.1}$"
    assert [cell.startswith(r"$\underline{\mathbf") for cell in asot[1:]] == [
        name not in lower for name in SCORE_TITLES
    ]
    # Half of the MoF; of JSD the lower is the better.
    for name in lower:
        cell = kmeans[1 + list(SCORE_TITLES).index(name)]
        assert cell == r"$\underline{\mathbf{15.0}}_{\pm 7.1}$"
    assert not re.search("mathbf|underline", "".join(chosen))


@pytest.mark.usefixtures("good_and_bad")
def test_markdown_marks_the_same_and_says_by_which_test(folder: BenchmarkFolder) -> None:
    text = to_markdown(collect(folder, choices=["oracle"]))
    mean, *rows = markdown_tables(text).values()
    column = 2 + list(SCORE_TITLES).index("mof")
    found = ["**80.0**† ± 14.1", "90.0", "30.0 ± 14.1", "40.0"]
    assert [row[column] for row in mean[2:]] == found
    # One activity has two seeds, and two pairs tell nothing.
    assert [row[column] for row in rows[-1][2::2]] == ["80.0† ± 14.1", "30.0 ± 14.1"]
    assert text.count("†: the best mean of a column. Bold: the best, and all that are not") == 1


def test_a_seed_that_was_chosen_is_named_with_its_matching(
    write: Write, folder: BenchmarkFolder
) -> None:
    """The oracle may take another seed where each recording is matched by itself."""
    write("paper", TEA, 0, 0.5, video=0.9)
    write("paper", TEA, 1, 0.6, video=0.7)
    text = to_markdown(collect(folder, choices=["oracle"]))
    start = f"- ASOT (paper), {TEA}, one matching"
    assert f"{start} of actions to classes for each activity, by oracle: seed 1\n" in text
    assert f"{start} for each recording, by oracle: seed 0\n" in text


def test_one_seed_on_one_activity_has_nothing_in_bold(
    write: Write, folder: BenchmarkFolder
) -> None:
    write("paper", TEA, 0, 0.9)
    assert "†" not in to_markdown(collect(folder)), "nothing is the best of one"
    write("kmeans", TEA, 0, 0.1)
    text = to_markdown(collect(folder))
    assert "**9" not in text
    assert "| 90.0† |" in text
    assert "Nothing is bold by a test of fewer than 3 pairs." in text
    assert "mathbf" not in to_latex(collect(folder))


def test_the_settings_and_the_methods_of_a_table(write: Write, folder: BenchmarkFolder) -> None:
    for method in ("paper", "default", "uniform"):
        for seed in (3, 4, 5) if method != "uniform" else (0,):
            for activity in (TEA, EGG):
                write(method, activity, seed, 0.5)
    path = folder.root / "benchmark.json"
    described = json.loads(path.read_text())
    described["recipe"] = load_recipe("salads_eval").to_dict()
    described["recipe"]["training"]["batch_size"] = 4
    described["activities"][TEA]["n_actions"] = 5
    path.write_text(json.dumps(described))
    results = collect(folder)
    start = "Recipe salads_eval with training.batch_size 4; K = "
    end = "30 epochs (asot default: 15); seeds 3 to 5."
    whole = f"{start}3 to 5 ({EGG} 3, {TEA} 5); {end}"
    text = to_markdown(results)
    assert text.count(f"\n{whole}\n") == 4
    assert text.count(f"\n{start}5; {end}\n") == text.count(f"\n{start}3; {end}\n") == 2
    latex = to_latex(results)
    assert latex.count(whole.replace("_", r"\_")) == 4
    for title, what in legend(results.rows):
        assert f"- **{title}**: {what}\n" in text
        assert latex.count(f"{title}: {what}") == 1


def test_the_legend_has_the_order_of_the_tables(results: Results) -> None:
    """TW-FINCH has no row where recordings share a matching, but stands before the split."""
    titles = [title for title, _ in legend(results.rows)]
    assert titles == ["ASOT (paper)", "k-means", "TW-FINCH", "Uniform split"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(results: Results, tmp_path: Path) -> None:
    document = r"\documentclass{article}\usepackage{booktabs}" + "\n"
    document += r"\DeclareUnicodeCharacter{8336}{?}\begin{document}" + "\n"
    (tmp_path / "paper.tex").write_text(document + to_latex(results) + r"\end{document}")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    found = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False)
    assert found.returncode == 0, found.stdout.decode("utf-8", "replace")[-2000:]


def test_json_holds_all_that_it_rests_on(results: Results, folder: BenchmarkFolder) -> None:
    write_results(results, folder)
    names = {path.name for path in folder.root.iterdir() if path.is_file()}
    assert names == {
        *("benchmark.json", "recipe.yaml"),
        *("results.json", "results.csv", "table.md", "table.tex"),
    }
    found = json.loads((folder.root / "results.json").read_text(encoding="utf-8"))
    described = asdict(results.description)
    assert {name: found[name] for name in described} == described
    assert found["versions"][-1]["asot"]
    assert found["recipe"]["transport_eval"]["alpha"] == 0.6
    cells = {(one["method"], one["activity"], one["seed"]): one for one in found["cells"]}
    assert len(cells) == len(found["cells"]) == 2 * (3 + 3 + 1 + 1)
    for (method, activity, seed), one in cells.items():
        result = folder.read(Cell(method, activity, seed))
        assert one["matching"] == {"0": 2}
        assert one["candidates"][-1]["scores"] == result.scores
        assert (one["n_actions"], one["seconds"]) == (3, 0.5)
    assert len(found["rows"]) == len(results.rows)
    seeds = {row["method"]: row["seeds"] for row in found["rows"] if row["choice"] is None}
    assert seeds["paper"] == [0, 1, 2]
    assert [one["method"] for one in found["published"]] == [one.method for one in OTHERS]
    assert found["failed"] == []
    for name, text in [("table.md", to_markdown(results)), ("table.tex", to_latex(results))]:
        assert (folder.root / name).read_text(encoding="utf-8") == text
