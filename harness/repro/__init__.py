"""A run on another machine, or once more on this one: bundles, replays, debuggers, bisection."""
