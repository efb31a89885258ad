"""How compiled passes are made: by numba, when their module is imported, for the processor at hand.

That takes seconds in every process. Machine code is deliberately not kept on disk: numba keeps pickles.
"""

from collections.abc import Callable
from typing import Any

from numba import carray, njit, types
from numba.extending import intrinsic

# For functions that passes call; they leave division by zero to the processor.
inner = njit(error_model="numpy")


def compiled_pass(*arguments: Any) -> Callable[[Any], Any]:
    """Decorator of a pass that takes arguments of these types, of numba, and returns nothing."""
    return njit(types.void(*arguments), error_model="numpy")


def _array_at(kind: Any) -> Any:
    @intrinsic
    def pointer(context, address):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, values):  # type: ignore[no-untyped-def]
            return builder.inttoptr(values[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), generate

    @inner
    def array(address, shape):  # type: ignore[no-untyped-def]
        return carray(pointer(address), shape)  # type: ignore[call-arg]

    return array


# Functions of an address and a shape: a pass with an array as argument would take 4 µs longer to call.
floats_at, doubles_at, bytes_at = _array_at(types.float32), _array_at(types.float64), _array_at(types.uint8)


def addresses(count: int) -> Any:
    """The type of so many addresses, as one argument."""
    return types.UniTuple(types.intp, count)
