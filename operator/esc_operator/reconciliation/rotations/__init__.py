"""EscRotations: whom they are about (`gather`, the reads), whom to ask next (`plan`, `schedule`, `events`: pure), and
asking them (`controller`, the writes). It asks through the status of an environment and opens nothing.
"""
