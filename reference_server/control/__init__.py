"""The control interface below `/_reference/`: the server made to do what a developer wants to see.

None of it is part of the contract, and none of it is loaded unless control is on.
"""

ROOT = "/_reference"
