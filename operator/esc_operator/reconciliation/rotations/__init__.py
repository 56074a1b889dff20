"""EscRotations: the environments that they select (`gather`, the reads), which of them are next (`plan`, `schedule`,
`events`: pure), and the requests to them (`controller`, the writes). A request is in the status of an environment;
nothing here opens one.
"""
