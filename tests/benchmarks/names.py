"""Names of what a cold run is of, in its figures and ratios; without what measures it, for the README's table."""

SKILLBOX = "Skillbox"
WAITING = "Skillbox, in a container that waited"
COMMAND = "skillbox run, the command"
DOCKER_RUN = "docker run --rm"
ORIGINAL = "the original's calls"
UNTIL_GONE = ", until gone"
"""Behind the first name of a ratio: both until the container is gone, not to the result."""
