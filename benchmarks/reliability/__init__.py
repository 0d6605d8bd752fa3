"""What becomes of hostile inputs, of kills, of full disks and of lost processes: everything is counted.

    python -m benchmarks.reliability                                all stages but the one that runs the notebooks
    python -m benchmarks.reliability --stage kills --only train     one row of one stage
    python -m benchmarks.reliability --stage notebooks              20 runs of the notebooks' tests (hours)

Every row of the record consists of numbered trials, each with its own seed. The record is written while a row runs, so
the same command goes on where it was stopped. Rows of another seed or of an earlier time stay until `--again`.
"""
