"""CUDA kernels: CUDA C text, and functions with the signatures of their twins in ``layers`` and ``bayes``.

The text is compiled by NVRTC through CuPy. Without a GPU the same text is run by the tests, on the CPU, and compiled.
No mathematics is here that is not in the twins; each line that computes an equation carries its id there and here.

float32 products are true float32: CuPy uses TF32 only if the environment variable CUPY_TF32 is 1 when it makes its
first product, and the kernels use no tensor cores.
"""
