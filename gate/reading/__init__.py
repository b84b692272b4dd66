"""Reading evidence: evaluations and attributions, joined by slice."""
