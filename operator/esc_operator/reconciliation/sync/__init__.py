"""One Secret: its reads (`gather`), its decisions (`observation`, `decide`, `secret_body`: pure) and its writes (`act`,
in the order that `status_writer` gives them); and the memory of each environment between two looks (`cache`).

It does not open environments: the result of that is an `outcome`.
"""
