"""What every test needs before TensorFlow is imported; the Makefile sets the same for people's commands."""

import os

from hypothesis import HealthCheck, settings

# tensorflow_transform turns this on where nobody set it: which Keras a test gets would depend on what it imports first.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
