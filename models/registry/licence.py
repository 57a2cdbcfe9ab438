"""What a licence asks of whoever uses a model, said before the file comes."""

import sys

from models.registry.entries import Model

# SPDX identifiers begin with these; weights come under no other copyleft licence so far.
_COPYLEFT = ("AGPL-", "GPL-", "LGPL-", "MPL-", "EUPL-")
_NETWORK_COPYLEFT = "AGPL-"  # its section 13 reaches those who use a program over a network, too


def is_copyleft(licence: str) -> bool:
    """Whether a licence asks that what is built upon the work comes under the same terms.

    Examples:
        >>> is_copyleft("AGPL-3.0"), is_copyleft("Apache-2.0")
        (True, False)
    """
    return licence.startswith(_COPYLEFT)


def notice(model: Model) -> str:
    """What is said of a copyleft model, one paragraph."""
    licence = model.entry.licence
    network = ", or lets others use it over a network," if licence.startswith(_NETWORK_COPYLEFT) else ""
    return (
        f"NOTICE: the weights of {model.name} come under {licence}, a copyleft licence. Who passes on a work that contains "
        f"them{network} has to offer its source under the same terms, unless the owner grants others. "
        f"`streetwarden models list` shows models under other licences."
    )


def warn(model: Model) -> None:
    """Write the notice of a copyleft model to standard error; nothing for another."""
    if is_copyleft(model.entry.licence):
        print(notice(model), file=sys.stderr, flush=True)  # noqa: T201 - for people, whether logging is set up or not
