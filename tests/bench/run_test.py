#!/usr/bin/python3
"""What `run` makes of the benches' lines: whether goals are held, medians of pairs and seeds, exit status."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import statistics
import sys
import tempfile
import unittest
from unittest import mock

sys.dont_write_bytecode = True
RUN = pathlib.Path(__file__).with_name("run")
loader = importlib.machinery.SourceFileLoader("bench_run", str(RUN))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
loader.exec_module(run)
GOALS = {
    "speed.least": [("value", ">=", 2), ("ratio", ">=", 3)],
    "speed.most": [("value", "<=", 12)],
    "near.reference": [("value - reference", ">=", -0.5)],
    "speed.other": [("ratio", ">=", 10)],
}


def held(name, **fields):
    with mock.patch.dict(run.judge.__globals__["GOALS"], GOALS, clear=True):
        return run.judged({"name": name, **fields})["held"]


class Judging(unittest.TestCase):
    def test_a_value_on_its_limit_is_held_and_one_beyond_is_not(self):
        self.assertIs(held("speed.most", value=12), True)
        self.assertIs(held("speed.most", value=12.01), False)
        self.assertIs(held("speed.least", value=2, ratio=3), True)
        self.assertIs(held("speed.least", value=1.99, ratio=3), False)
        self.assertIs(held("speed.least", value=2, ratio=2.99), False)

    def test_what_is_not_a_number_is_not_held(self):
        self.assertIs(held("speed.most", value=float("nan")), False)
        self.assertIs(held("speed.most", value=None), False)

    def test_a_ratio_that_could_not_be_taken_is_neither_held_nor_missed(self):
        self.assertIsNone(held("speed.least", value=5))

    def test_a_missed_value_is_missed_without_a_reference_too(self):
        self.assertIs(held("speed.least", value=1), False)

    def test_below_the_reference_is_held_within_the_distance(self):
        self.assertIs(held("near.reference", value=4.5, reference=5), True)
        self.assertIs(held("near.reference", value=9, reference=5), True)
        self.assertIs(held("near.reference", value=4.4, reference=5), False)
        self.assertIsNone(held("near.reference", value=4.5))

    def test_a_line_without_a_goal_is_neither(self):
        self.assertIsNone(held("speed.anything", value=1, ratio=1))

    def test_another_reference_is_judged_by_its_own_goal(self):
        self.assertIs(held("speed.least", value=5, ratio=3), True)
        self.assertIs(held("speed.least", value=5, ratio=3, judged_as="speed.other"), False)

    def test_all_fields_are_there_and_no_others(self):
        self.assertEqual(tuple(run.judged({"name": "x", "value": 1, "checksum": 2})), run.FIELDS)


class Medians(unittest.TestCase):
    def test_the_ratio_is_the_median_of_the_pairs_and_not_that_of_the_medians(self):
        ours = [[{"name": "a", "value": value, "unit": "u"}] for value in (10, 20, 60)]
        theirs = [[{"name": "a", "value": value}] for value in (1, 10, 5)]
        self.assertEqual(run.compared(ours, theirs),
                         [{"name": "a", "value": 20, "unit": "u", "reference": 5, "ratio": 10}])

    def test_without_a_reference_there_is_a_value_only(self):
        self.assertEqual(run.compared([[{"name": "a", "value": 3, "unit": "u"}]], []),
                         [{"name": "a", "value": 3, "unit": "u"}])

    def test_seeds_are_joined_and_each_stands_beside(self):
        runs = [[{"name": "a", "value": value, "unit": "u", "reference": 10, "ratio": value / 10}]
                for value in (1, 2, 9)]
        lines = {line["name"]: line for line in run.over_seeds(runs, statistics.fmean)}
        self.assertEqual((lines["a"]["value"], lines["a"]["ratio"]), (4, 0.4))
        self.assertEqual([lines[f"a.seed_{seed}"]["value"] for seed in (1, 2, 3)], [1, 2, 9])
        self.assertEqual(run.over_seeds(runs, statistics.median)[0]["value"], 2)
        self.assertEqual(run.over_seeds(runs[:1], statistics.median), runs[0])

    def test_training_without_pytorch_is_judged_by_the_bare_products(self):
        ours = [[{"name": "train.mlp", "value": 8, "unit": "u", "reference": 10, "ratio": 0.8}]]
        with_it, without = mock.Mock(), mock.Mock()
        with_it.in_turn.return_value = (ours, [[{"name": "train.mlp", "value": 0.1}]])
        without.in_turn.return_value = (ours, [])
        mlp, bare = map(run.judged, run.train(with_it))
        self.assertEqual((mlp["reference"], mlp["goal"], mlp["held"]), (0.1, "ratio >= 30", True))
        self.assertEqual((bare["reference"], bare["goal"], bare["held"]), (10, "ratio >= 0.5", True))
        mlp, bare = map(run.judged, run.train(without))
        self.assertEqual((mlp["reference"], mlp["goal"], mlp["held"]), (10, "ratio >= 0.5", True))

    def test_a_pipeline_that_computes_something_else_is_refused(self):
        runner = mock.Mock()
        runner.in_turn.return_value = ([[{"name": "p", "value": 1, "windows": 7, "checksum": 5.0}]],
                                       [[{"name": "p", "value": 1, "windows": 7, "checksum": 5.01}]])
        with self.assertRaises(RuntimeError):
            run.pipeline(runner)


class Programs(unittest.TestCase):
    def lines_of(self, script):
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, TRIB_BUILD=folder):
            return run.Runner(mock.Mock()).lines([sys.executable, "-c", script])

    def test_lines_of_json_are_read_and_others_passed_over(self):
        self.assertEqual(self.lines_of("print('a word'); print('{\"name\": \"a\"}')"), [{"name": "a"}])

    def test_what_a_failing_program_printed_does_not_count(self):
        for script in ("print('{\"name\": \"a\"}'); raise SystemExit(1)", "print('nothing')",
                       "print('{\"value\":nan}')"):
            with self.assertRaises(RuntimeError):
                self.lines_of(script)

    def test_77_is_a_skip(self):
        with self.assertRaises(run.Skip):
            self.lines_of("raise SystemExit(77)")

    def test_the_source_tree_is_not_built_in(self):
        for folder in (run.SOURCE, run.SOURCE / "build"):
            with mock.patch.dict(os.environ, TRIB_BUILD=str(folder)), self.assertRaises(SystemExit):
                run.Runner(mock.Mock())


class ReferencePython(unittest.TestCase):
    def setUp(self):
        self.module = sys.modules["reference_python"]
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.build = pathlib.Path(self.folder.name)
        (self.build / "bench-python").mkdir()
        self.own = self.build / "bench-python/bin/python3"

    def ask(self, bench="infer", may_install=True, works=True, named=""):
        """What is taken, and whether something was installed for it."""
        with mock.patch.dict(os.environ, TRIB_BENCH_PYTHON=named), \
                mock.patch.object(self.module, "install", return_value=works) as install, \
                contextlib.redirect_stderr(io.StringIO()):
            return self.module.python_for(bench, self.build, may_install), install.called

    def test_it_is_filled_once_for_each_bench(self):
        self.assertEqual([self.ask(), self.ask(), self.ask("train")],
                         [(self.own, True), (self.own, False), (self.own, True)])

    def test_it_is_filled_again_when_other_packages_are_wanted(self):
        self.ask()
        with mock.patch.dict(self.module.PACKAGES, infer=["numpy"]):
            self.assertEqual(self.ask(), (self.own, True))

    def test_where_nothing_could_be_installed_debians_is_taken_and_the_next_run_tries_again(self):
        self.assertEqual(self.ask(works=False), (self.module.DEBIAN_PYTHON, True))
        self.assertEqual(self.ask(), (self.own, True))

    def test_nothing_is_installed_when_not_allowed_or_another_is_named(self):
        self.assertEqual(self.ask(may_install=False), (self.module.DEBIAN_PYTHON, False))
        self.assertEqual(self.ask(named="/opt/python"), ("/opt/python", False))
        self.ask()
        self.assertEqual(self.ask(may_install=False), (self.own, False))


def bench(*lines, raises=None):
    def measure(_runner):
        if raises is not None:
            raise raises
        return list(lines)
    return [], measure


class ExitStatus(unittest.TestCase):
    """Of whole runs over made-up benches, with nothing built."""

    def status(self, *names, words=("--no-install", "--json"), **benches):
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, TRIB_BUILD=folder))
            stack.enter_context(mock.patch.dict(run.GOALS, GOALS, clear=True))
            stack.enter_context(mock.patch.dict(run.BENCHES, benches, clear=True))
            stack.enter_context(mock.patch.object(run.Runner, "make"))
            stack.enter_context(mock.patch.object(sys, "argv", ["run", *names, *words]))
            stack.enter_context(contextlib.redirect_stdout(said))
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            result = run.main()
        self.printed = said.getvalue().splitlines()
        return result

    near = {"name": "near.reference", "value": 5, "reference": 5}
    least = {"name": "speed.least", "value": 5, "ratio": 5}
    most = {"name": "speed.most", "value": 5}
    other = {"name": "speed.other", "value": 5, "ratio": 50}

    def test_0_when_all_goals_are_held(self):
        self.assertEqual(self.status(speed=bench(self.least, self.most, self.other), near=bench(self.near)), 0)
        self.assertEqual([json.loads(line)["held"] for line in self.printed], [True] * 4)
        self.assertEqual(list(json.loads(self.printed[0])), list(run.FIELDS))

    def test_1_when_one_is_missed(self):
        slow = dict(self.most, value=13)
        self.assertEqual(self.status(speed=bench(self.least, slow, self.other)), 1)

    def test_1_when_a_promised_name_is_not_printed(self):
        self.assertEqual(self.status(speed=bench(self.least, self.most)), 1)

    def test_1_when_a_bench_fails_and_the_others_still_run(self):
        self.assertEqual(self.status(speed=bench(raises=RuntimeError("broke")), near=bench(self.near)), 1)
        self.assertEqual(len(self.printed), 1)

    def test_0_when_a_reference_cannot_be_had(self):
        self.assertEqual(self.status(speed=bench({"name": "speed.least", "value": 5}, self.most, self.other)), 0)

    def test_77_when_all_were_skipped_and_0_when_some(self):
        skipped = bench(raises=run.Skip("no recordings"))
        self.assertEqual(self.status(speed=skipped, near=skipped), run.SKIPPED)
        self.assertEqual(self.status(speed=skipped, near=bench(self.near)), 0)

    def test_only_the_named_benches_run(self):
        self.assertEqual(self.status("near", speed=bench(raises=RuntimeError("broke")), near=bench(self.near)), 0)

    def test_a_table_says_what_was_held(self):
        self.status(words=["--no-install"], near=bench(dict(self.near, value=4)))
        self.assertTrue(self.printed[-1].endswith("NO"), self.printed)


if __name__ == "__main__":
    unittest.main()
