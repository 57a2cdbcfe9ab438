"""Which keepers a camera's rules need: one for all vehicles, one for the ground, one for shop fronts, one for pitches."""

from collections.abc import Iterable

from detector.following.changes import ChangeKeeper
from detector.following.fronts import FrontKeeper
from detector.following.keeper import Keeper
from detector.following.pitches import PitchKeeper
from detector.following.things import ThingKeeper
from detector.rules import Rule, Subject
from detector.zoning.zones import Zone


def keepers_for(rules: Iterable[tuple[Zone, Rule]]) -> dict[Subject, Keeper]:
    """A keeper for each subject that a camera's rules are about, in the order in which they take a look."""
    subjects: dict[Subject, list[Zone]] = {}
    for zone, rule in rules:
        subjects.setdefault(rule.subject, []).append(zone)
    keepers: dict[Subject, Keeper] = {
        subject: ThingKeeper((subject.value,))
        for subject in (Subject.VEHICLE, Subject.TWO_WHEELER)
        if subject in subjects
    }
    ground = [zone for subject in (Subject.THING, Subject.PITCH) for zone in subjects.get(subject, ())]
    if ground:
        changes = ChangeKeeper([zone.polygon for zone in ground])
        keepers[Subject.THING] = changes
        if Subject.PITCH in subjects:
            keepers[Subject.PITCH] = PitchKeeper([zone.polygon for zone in subjects[Subject.PITCH]], changes)
    if Subject.FRONT in subjects:
        # Its own ground: there, people hide what is behind them and no more.
        keepers[Subject.FRONT] = FrontKeeper([zone.polygon for zone in subjects[Subject.FRONT]])
    return keepers
