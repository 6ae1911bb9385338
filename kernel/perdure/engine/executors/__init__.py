"""Where the code of a step runs: in threads, in worker processes, or by any executor."""
