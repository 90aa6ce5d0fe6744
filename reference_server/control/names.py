"""Finds the user whom a developer means."""

from reference_server.errors import Conflict, NotFound
from reference_server.users import Directory, User


def named(users: Directory, name: str) -> User:
    """The user with this `_id`, public id or name, in whatever letter case.

    Raises NotFound where there is none, Conflict where there are several of this name.
    """
    if user := users.by_id(name) or users.by_public_id(name):
        return user
    found = [user for user in users if user.name == name] or [
        user for user in users if user.name.casefold() == name.casefold()
    ]
    if not found:
        known = ", ".join(user.name for user in users)
        raise NotFound(f"There is no user {name}; there is: {known}.")
    if len(found) > 1:
        ids = ", ".join(user.public_id for user in found)
        raise Conflict(f"Several users are called {name}; name one by public id: {ids}.")
    return found[0]
