"""Not tests of ours: run by test_unittest.py. Tests of unittest.TestCase with a machine, and its subtests."""

from __future__ import annotations

import unittest

import pytest
from tests.edge.judging.stand_in import vm, warn

from rustbed import Vm

__all__ = ["vm"]


class TestDriver(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _machine(self, vm: Vm) -> None:
        self.vm = vm

    def test_a_passes(self) -> None:
        with self.subTest("one"):
            self.vm.check("true")

    def test_b_warns(self) -> None:
        warn(self.vm, "function")

    def test_c_warns_in_a_subtest(self) -> None:
        for name in ("one", "two"):
            with self.subTest(name):
                warn(self.vm, name)

    def test_d_fails_in_two_subtests(self) -> None:
        for name in ("one", "two", "three"):
            with self.subTest(name):
                assert name == "two"

    def test_e_skips_a_subtest(self) -> None:
        with self.subTest("one"):
            self.skipTest("not here")

    def test_f_warns_and_skips_a_subtest(self) -> None:
        with self.subTest("one"):
            warn(self.vm, "skipped")
            self.skipTest("not here")

    @unittest.expectedFailure
    def test_g_is_known_to_fail(self) -> None:
        self.fail("known")

    @unittest.expectedFailure
    def test_h_is_known_to_fail_and_warns(self) -> None:
        warn(self.vm, "known")
        self.fail("known")

    @unittest.expectedFailure
    def test_i_is_fixed(self) -> None:
        self.vm.check("true")

    def test_j_skips_itself_after_a_warning(self) -> None:
        warn(self.vm, "skips")
        self.skipTest("not here")

    def test_k_warns_as_it_is_cleaned_up(self) -> None:
        self.addCleanup(warn, self.vm, "cleanup")

    def test_l_fails_in_a_subtest_after_which_it_fails(self) -> None:
        with self.subTest("one"):
            self.fail("one")
        self.fail("whole")

    @unittest.expectedFailure
    def test_m_fails_in_a_subtest_as_is_known(self) -> None:
        with self.subTest("one"):
            self.fail("known")

    def test_n_leaves_an_error(self) -> None:
        with self.subTest("one"):
            self.vm.check("false")
