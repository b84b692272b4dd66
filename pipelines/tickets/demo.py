"""Runs the tickets pipeline twice and shows how the gate blocks a model that reads an agent's signature.

Exits with 0 if both runs came out as told, with 1 if one did not or a node failed, and with 2 if the demonstration
could not start.
"""

import sys

from tfx_explain.pipelines.demonstration.run import demonstrate

if __name__ == "__main__":
    sys.exit(demonstrate("tickets", __doc__))
