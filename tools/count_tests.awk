# Adds up ctest's LastTest.log: prints "PASSED FAILED SKIPPED".
# Our test programs end with "test cases: N passed, N failed, N skipped"; a test of ctest
# without such a line (a script, a consumer, a crash) counts as one.

/^[0-9]+\/[0-9]+ Testing: / { counted = 0 }
/^test cases: [0-9]+ passed, / {
    passed += $3; failed += $5; skipped += $7
    counted = 1; failed_here = $5
}
/^Test Passed\.$/ { if (!counted) passed++ }
/^Test Failed\.$/ { if (!counted || failed_here == 0) failed++ }
END { print passed + 0, failed + 0, skipped + 0 }
