"""Which variable held the pointer that an instruction could not follow, where that is proven."""
