"""What all tests share."""

import hypothesis

# Tests run where other work runs too: a slow example is not a wrong one.
hypothesis.settings.register_profile("default", deadline=None, derandomize=True)
hypothesis.settings.load_profile("default")
