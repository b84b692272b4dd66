"""The engine of the methods along a path from the baseline to the row: meshes, quadrature, integrals."""
