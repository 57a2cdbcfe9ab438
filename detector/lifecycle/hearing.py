"""A case's hearing: what its rule asks of look-back, the answers so far, and the judgement by them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from detector.lifecycle.inquiry import Questions
from detector.rules import Actor, Ask, Judgement, Passing, Rule, Stay, Vehicle
from detector.zoning.zones import Zone
from streams.frame import Frame
from streams.packet import Packet

ASK_EVERY_S = 10.0
"""Traffic is followed anew this often while a vehicle may stand in a queue: a tenth of a core for as long as that lasts."""


@dataclass
class Hearing:
    """The answers that one stay's judgement hangs on; each costs decoding, and is kept."""

    rule: Rule
    zone: Zone
    since_s: float
    """Since when it has stood there."""
    passed: Passing | None = None
    """Vehicles that look-back saw driving; None as long as nobody has asked."""
    passed_asked_s: float = -math.inf
    actor: Actor | None = None
    actor_sought: bool = False
    closely: Vehicle | None = None

    def judge(
        self, stay: Stay, frame: Frame, questions: Questions, arrival: Callable[[], Sequence[Packet]]
    ) -> Judgement:
        """What the rule says, once all that it asks and that can be known now has been answered.

        Args:
            stay: As the looks tell it, without answers.
            frame: The newest look's picture.
            questions: What may be asked.
            arrival: The packets around its onset.
        """
        judgement = self._judged(stay)
        while judgement.asks is not None and self._ask(judgement.asks, stay.now_s, frame, questions, arrival):
            judgement = self._judged(stay)
        return judgement

    def _judged(self, stay: Stay) -> Judgement:
        answers = replace(
            stay, passed=self.passed, actor=self.actor, actor_sought=self.actor_sought, closely=self.closely
        )
        return self.rule.judge(answers, self.zone)

    def _ask(
        self,
        ask: Ask,
        now_s: float,
        frame: Frame,
        questions: Questions,
        arrival: Callable[[], Sequence[Packet]],
    ) -> bool:
        """Looks back, or closely, for what the rule wants to know; False where nothing new can be known yet."""
        if ask is Ask.ACTOR and not self.actor_sought:
            self.actor, self.actor_sought = questions.actor(self.since_s, arrival()), True
            return True
        if ask is Ask.CLOSELY and self.closely is None:
            self.closely = questions.closely(frame)
            return True
        if ask is Ask.PASSED and now_s - self.passed_asked_s >= ASK_EVERY_S:
            passed = questions.passed(max(self.since_s, self.passed_asked_s))
            self.passed, self.passed_asked_s = passed if self.passed is None else self.passed + passed, now_s
            return True
        return False
