"""Variables that libraries read, of which none may change what a command computes, or end it without a sentence.

A list of all that libraries know would never be whole, so a library's variables are dropped as a family, and what may
stay is listed: where temporary files stand, how memory of a graphics processor is taken, and how many processors work.

    KERAS_          MAX_EPOCHS and MAX_STEPS_PER_EPOCH cut every training and every prediction short; NNX_ENABLED makes
                    other layers; DISTRIBUTION_ waits for other machines
    TF_, TF2_       ENABLE_ONEDNN_OPTS, SET_ONEDNN_FPMATH_MODE, CONV2D_USE_FP16_ACCUMULATE, AUTO_MIXED_PRECISION_…,
                    CUDNN_…, USE_… and DETERMINISTIC_… compute otherwise; FUNCTION_JIT_COMPILE_DEFAULT compiles;
                    CONFIG and JOB_NAME wait for other machines; DUMP_…, CPP_… and DEBUG_… write what nobody asked for
    XLA_, TF_XLA_   a flag that is not known ends the process without a sentence
    AUTOGRAPH_      other errors, and lines on the screen
    ONEDNN_, DNNL_  DEFAULT_FPMATH_MODE computes with fewer digits; VERBOSE writes lines among the results
    CUBLAS_, NVIDIA_TF32_OVERRIDE   the order of sums, and how many digits are multiplied
    NUMPY_, NPY_PROMOTION_STATE, SCIPY_, SKLEARN_, PANDAS_   other types and checks, and values that end an import
    JOBLIB_, LOKY_  how processes begin and what they are sent; a value that is not known ends the command
    TQDM_           read as numbers, so that a word ends the command

Dropped also, whoever reads them: numbers of threads and processors that are none. TensorFlow aborts at -1.
"""

import os
import re

_FAMILIES = (
    "KERAS_", "TF_", "TF2_", "XLA_", "AUTOGRAPH_", "ONEDNN_", "DNNL_", "CUBLAS_", "NVIDIA_TF32_OVERRIDE",
    "NUMPY_", "NPY_PROMOTION_STATE", "SCIPY_", "SKLEARN_", "PANDAS_", "JOBLIB_", "LOKY_", "TQDM_",
)  # fmt: skip
_STAY = ("TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR", "JOBLIB_TEMP_FOLDER")
_COUNT = re.compile(r"TF_NUM_(INTRAOP|INTEROP)_THREADS|LOKY_MAX_CPU_COUNT|(?!TF_|XLA_).*(_THREADS|_CPU_COUNT)")
# As many threads as any machine has processors; of more a library may find no memory for all.
_WHOLE, _MOST = re.compile(r"[0-9]{1,6}"), 4096


def settle_variables() -> None:
    """Drop from this process, and from those it starts, every variable by which a library would work otherwise."""
    for name, value in list(os.environ.items()):
        if is_dropped(name, value):
            del os.environ[name]


def is_dropped(name: str, value: str) -> bool:
    """Whether a variable of a value would change what is computed, or end it.

    >>> is_dropped("KERAS_MAX_EPOCHS", "1"), is_dropped("TF_GPU_ALLOCATOR", "cuda_malloc_async")
    (True, False)
    >>> is_dropped("TF_NUM_INTRAOP_THREADS", "2"), is_dropped("OMP_NUM_THREADS", "-1"), is_dropped("HOME", "/root")
    (False, True, False)
    """
    if _COUNT.fullmatch(name):
        return not (_WHOLE.fullmatch(value) and int(value) <= _MOST)
    return name.startswith(_FAMILIES) and name not in _STAY
