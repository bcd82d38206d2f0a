"""`rustbed lab` and a KernelCI on this machine: jobs that are run, refused, lost and delivered later."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from kcidb_io.schema import V5_3
from tests.edge.lab.conftest import TOKEN, KernelCi
from tests.edge.lab.jobs import BREAKS, KILLS, MODULES, TESTS, lab, modules_tar, offer
from tests.unit.kernel.elf_files import make_module

from rustbed.lab.api import Api
from rustbed.lab.job import INVALID
from rustbed.lab.lab import Lab


def test_a_job_is_claimed_run_and_reported(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    done = lab(kernelci, tmp_path, "--kcidb", f"{kernelci.address}/submit")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "jobs run: 1"), done.stdout + done.stderr
    node = kernelci.nodes["job1"]
    assert (node["state"], node["result"]) == ("done", "fail")
    assert node["data"]["job_id"].startswith("rustbed-lab:")
    assert "error_code" not in node["data"]
    # all else is as the API made it
    kept = {"treeid": "f00", "retry_counter": 1, "created": "2026-11-20T10:00:00.125000"}
    assert node | kept == node
    assert node["artifacts"] == {"job_definition": f"{kernelci.address}/storage/job1.json"}
    (report,) = kernelci.submitted
    assert json.loads((tmp_path / "results/lab/job1/kcidb.json").read_text()) == report
    assert [(row["id"], row["path"], row["status"]) for row in report["tests"]] == [
        ("rustbed:job1.1", "rustbed.test_it.test_is_given_the_jobs_kernel", "PASS"),
        ("rustbed:job1.2", "rustbed.test_it.test_is_red", "FAIL"),
        ("rustbed:job1.3", "rustbed.test_it.test_is_skipped", "SKIP"),
    ]
    assert {row["build_id"] for row in report["tests"]} == {"maestro:build"}
    assert {row["environment"]["misc"]["platform"] for row in report["tests"]} == {"qemu-x86_64"}
    V5_3.validate_exactly(report)


def test_a_token_goes_to_the_api_and_not_to_the_storage(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    lab(kernelci, tmp_path)
    assert {private for _, path, private in kernelci.asked if path.startswith("/storage/")} == {False}
    assert {private for _, path, private in kernelci.asked if path.startswith("/latest/")} == {True}


def test_jobs_of_others_and_those_that_are_taken_are_left_alone(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "theirs")
    kernelci.nodes["theirs"]["data"]["runtime"] = "lava-lab"
    offer(kernelci, "taken")
    kernelci.nodes["taken"]["data"]["job_id"] = "somebody:1"
    done = lab(kernelci, tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "jobs run: 0")
    assert {method for method, _, _ in kernelci.asked} == {"GET"}
    # nothing is fetched for them
    assert [path for _, path, _ in kernelci.asked if "/events?" not in path] == []


def test_jobs_of_boards_are_refused(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    kernelci.nodes["job1"]["data"]["platform"] = "beaglebone-black"
    done = lab(kernelci, tmp_path)
    assert done.stdout.splitlines() == [
        "refused: it is for the platform 'beaglebone-black', not qemu*",
        "jobs run: 0",
    ]
    assert kernelci.nodes["job1"]["state"] == "available"
    assert lab(kernelci, tmp_path, "--platform", "x", "--platform", "beagle*").stdout == "jobs run: 0\n"
    (tmp_path / "results/lab/lab.json").unlink()
    done = lab(kernelci, tmp_path, "--platform", "x", "--platform", "beagle*")
    assert done.stdout.splitlines()[-1] == "jobs run: 1"


def test_a_job_behind_a_week_of_others_is_found_at_once(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    mine = kernelci.nodes.pop("job1")
    theirs = mine | {"data": {"runtime": "lava-lab"}}
    kernelci.nodes |= {f"lava{number}": theirs | {"id": f"lava{number}"} for number in range(2100)}
    kernelci.nodes["job1"] = mine
    done = lab(kernelci, tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "jobs run: 1"), done.stdout + done.stderr
    assert sum("/events?" in path for _, path, _ in kernelci.asked) == 3


@pytest.mark.parametrize(
    ("definition", "why"),
    [
        ({"environment": {"arch": "mips"}}, "it is for the architecture 'mips'"),
        ({"environment": {"arch": "x86_64"}}, "it has no address of its kernel"),
        (
            {
                "environment": {"arch": "riscv"},
                "artifacts": {"kernel": "http://127.0.0.1:9/Image", "modules": "file:///etc/passwd"},
            },
            "it has no address of its modules",
        ),
    ],
)
def test_a_job_that_cannot_be_run_here_is_refused_and_not_claimed(
    kernelci: KernelCi, tmp_path: Path, definition: dict[str, object], why: str
) -> None:
    kernelci.add_job("job1", **definition)
    done = lab(kernelci, tmp_path)
    assert f"refused: {why}" in done.stdout
    assert kernelci.nodes["job1"]["state"] == "available"


@pytest.mark.parametrize(
    ("modules", "sums", "why"),
    [
        (MODULES, {"kernel": hashlib.sha256(b"another").hexdigest()}, "its SHA-256 differs"),
        (b"no archive", {}, "archive of modules cannot be unpacked"),
        (modules_tar({"lib/modules/x": b""}), {}, "archive contains no modules"),
        (modules_tar({"x.ko": make_module(vermagic="6.1.0 SMP ")}), {}, "was built for another kernel"),
        (modules_tar({"../../../minimal.ko": make_module(rust=False)}), {}, "was built with Rust"),
    ],
)
def test_a_kernel_that_is_not_what_the_job_says_ends_it_with_the_reason(
    kernelci: KernelCi, tmp_path: Path, modules: bytes, sums: dict[str, str], why: str
) -> None:
    offer(kernelci, "job1", modules=modules, integrity={"sha256": sums})
    done = lab(kernelci, tmp_path)
    node = kernelci.nodes["job1"]
    assert (node["state"], node["result"], node["data"]["error_code"]) == ("done", "incomplete", INVALID)
    assert why in node["data"]["error_msg"], done.stdout
    assert sorted(path.name for path in tmp_path.rglob("minimal.ko")) in ([], ["minimal.ko"])
    assert not (tmp_path.parent / "minimal.ko").exists()


def poll(kernelci: KernelCi, directory: Path) -> tuple[int, str]:
    """Run what waits, in this process; return how many jobs that were, and what was said."""
    (directory / "test_it.py").write_text(TESTS)
    said: list[str] = []
    lab = Lab(
        api=Api(base=f"{kernelci.address}/latest", token=TOKEN),
        runtime="rustbed-lab",
        platforms=("qemu*",),
        origin="rustbed",
        directory=directory / "results/lab",
        tests=(str(directory / "test_it.py"), f"--rootdir={directory}", "-p", "no:cacheprovider"),
        submit=(f"{kernelci.address}/submit", TOKEN),
        pauses_s=(0.0, 0.0),
    )
    return lab.poll(said.append), "\n".join(said)


def test_a_download_that_fails_is_tried_again_aloud(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    files = ("/storage/job1.json", "/storage/job1/bzImage", "/storage/job1/modules.tar.xz")
    kernelci.hiccups.update(dict(zip(files, (1, 2, 1), strict=True)))
    ran, said = poll(kernelci, tmp_path)
    assert (ran, kernelci.nodes["job1"]["result"], len(kernelci.submitted)) == (1, "fail", 1), said
    fetched = Counter(path for _, path, _ in kernelci.asked)
    assert [fetched[path] for path in files] == [2, 3, 2]
    assert [said.count(f"{kernelci.address}{path}: ") for path in files] == [1, 2, 1]
    assert said.count("trying again in 0 s") == 4


@pytest.mark.parametrize("name", ["bzImage", "modules.tar.xz"])
def test_a_storage_that_is_down_is_the_labs_infrastructure_and_no_test_that_failed(
    kernelci: KernelCi, tmp_path: Path, name: str
) -> None:
    offer(kernelci, "job1")
    kernelci.hiccups[f"/storage/job1/{name}"] = 1000
    ran, said = poll(kernelci, tmp_path)
    node = kernelci.nodes["job1"]
    assert (ran, node["state"], node["result"]) == (1, "done", "incomplete"), said
    assert node["data"]["error_code"] == "Infrastructure"
    assert f"/storage/job1/{name}: Service Unavailable" in node["data"]["error_msg"]
    assert kernelci.submitted == []
    assert Counter(path for _, path, _ in kernelci.asked)[f"/storage/job1/{name}"] == 3


def test_a_job_whose_definition_does_not_come_is_refused_after_three_tries(
    kernelci: KernelCi, tmp_path: Path
) -> None:
    offer(kernelci, "job1")
    kernelci.hiccups["/storage/job1.json"] = 1000
    ran, said = poll(kernelci, tmp_path)
    assert (ran, kernelci.nodes["job1"]["state"]) == (0, "available")
    assert "refused: cannot fetch" in said
    assert Counter(path for _, path, _ in kernelci.asked)["/storage/job1.json"] == 3


def test_an_ending_that_could_not_be_told_is_told_the_next_time(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    # the job is claimed before its tests run
    first = lab(kernelci, tmp_path, tests=KILLS)
    assert first.returncode == -9
    assert kernelci.nodes["job1"]["state"] == "available"
    second = lab(kernelci, tmp_path)
    assert "job1: incomplete: the lab was ended" in second.stdout
    node = kernelci.nodes["job1"]
    assert (node["state"], node["data"]["error_msg"]) == ("done", "the lab was ended")


def test_results_are_kept_when_the_api_goes_down_while_tests_run(kernelci: KernelCi, tmp_path: Path) -> None:
    offer(kernelci, "job1")
    # asked for it, the API refuses whatever it is asked from then on
    kernelci.files["/storage/break"] = b""
    first = lab(kernelci, tmp_path, tests=BREAKS.replace("ADDRESS", kernelci.address))
    assert first.returncode == 2, first.stdout + first.stderr
    assert kernelci.nodes["job1"]["state"] == "available"
    kernelci.broken.clear()
    second = lab(kernelci, tmp_path)
    assert "job1: pass" in second.stdout
    assert (kernelci.nodes["job1"]["state"], kernelci.nodes["job1"]["result"]) == ("done", "pass")


def test_an_api_that_is_out_of_order_is_an_error_that_names_it(kernelci: KernelCi, tmp_path: Path) -> None:
    kernelci.broken.add("GET")
    done = lab(kernelci, tmp_path)
    assert done.returncode == 2
    assert "/latest/events" in done.stderr
    assert "500" in done.stderr


def test_a_token_is_not_sent_where_it_could_be_read(tmp_path: Path) -> None:
    words = ("--kernelci", "http://api.example/latest", "--runtime", "x", "--once")
    argv = [sys.executable, "-m", "rustbed.cli", "lab", *words]
    env = {**os.environ, "KERNELCI_API_TOKEN": TOKEN}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "over https only" in done.stderr
    env["KERNELCI_API_TOKEN"] = ""
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert "$KERNELCI_API_TOKEN is not set" in done.stderr
