"""The cases of reference_data/schedulers/: each value of each enumerated field at least once.

`several(FIELD=[values], ...)` is a case for each value, the other fields as `base` has them.
"""

import scheduler_cases_discrete
import scheduler_cases_sigma
import scheduler_cases_solvers

ALL = {}
for family in (scheduler_cases_discrete, scheduler_cases_sigma, scheduler_cases_solvers):
    ALL |= family.CASES
