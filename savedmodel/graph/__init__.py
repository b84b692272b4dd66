"""From a folder to one flat graph: signatures, meta graphs, TF 1 and TF 2, calls and control flow."""
