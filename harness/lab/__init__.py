"""A lab of KernelCI: polls its API for jobs, runs the tests on their kernels, and reports the results."""
