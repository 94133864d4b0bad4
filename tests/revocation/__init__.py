import pytest

pytest.register_assert_rewrite("tests.revocation.contract", "tests.revocation.machine")
