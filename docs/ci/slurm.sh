#!/bin/bash
# Slurm: from a repository that has rustbed at its top, on a file system that all nodes share:
#     sbatch --array=1-4 docs/ci/slurm.sh
# and when all parts are done, the gate:
#     ./rustbed gate --baseline baseline parts-JOB/*/latest
# docs/ci.md explains it.
#SBATCH --job-name=rustbed
#SBATCH --output=rustbed-%A-%a.log
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=02:00:00
set -eu
# of each node: its locks are the node's kernel's
export RUSTBED_CACHE="/tmp/rustbed-$(id -u)"
# kernels come from here instead of being built by each node: ./rustbed pack push packs
export RUSTBED_CACHE_FROM="$SLURM_SUBMIT_DIR/packs"
cd "$SLURM_SUBMIT_DIR"
# the same times for all parts: without them tests are counted
times=""
if [ -d baseline ]; then times="--shard-times baseline"; fi
# 1 means that tests failed: whether that is a regression is for the gate to say
status=0
./rustbed test --shard auto $times --results "parts-$SLURM_ARRAY_JOB_ID/$SLURM_ARRAY_TASK_ID" || status=$?
test "$status" -le 1
