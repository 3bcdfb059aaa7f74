"""People: conduct, screening, training, and a management that looks (CC1)."""

from __future__ import annotations

from evidence.controls.acknowledgements import CODES as ACKNOWLEDGEMENT_CODES
from evidence.controls.acknowledgements import policies_accepted
from evidence.controls.management_reviews import CODES as REVIEW_CODES
from evidence.controls.management_reviews import management_reviews
from evidence.controls.model import Control, EvidenceLine
from evidence.controls.screening import CODES as SCREENING_CODES
from evidence.controls.screening import screened_before_access
from evidence.controls.sources import HR_REGISTER, OWN_RECORDS
from evidence.controls.training import CODES as TRAINING_CODES
from evidence.controls.training import people_are_trained
from schemas import google, own

ACKNOWLEDGEMENTS = Control(
    id="CC1-COND-01",
    title="Code of conduct and policy acknowledgement",
    family="governance",
    criteria=("CC1.1", "CC1.5", "CC2.2"),
    tier="core",
    nature=("human_decision", "document"),
    frequency_class="per_event",
    scope_kind="workforce",
    must_show="Every person with access accepted the current conduct and security policies soon after joining and "
    "again each year, and breaches have a consequence path.",
    evidence=(
        EvidenceLine(
            id="acks",
            kind="human_record",
            mode="response",
            window_cadence="monthly",
            collect_every="weekly",
            due_days=5,
            grace_days=5,
            sources=(OWN_RECORDS,),
            description="Acknowledgements: person, document with its version, when and by which channel.",
        ),
        EvidenceLine(
            id="workforce",
            kind="snapshot",
            window_cadence="monthly",
            collect_every="weekly",
            grace_days=5,
            max_gap_hours=35 * 24,
            sources=(HR_REGISTER,),
            datasets={"hr": own.PEOPLE},
            is_population=True,
            description="People register: who works here, as what, from which day to which, under whom.",
        ),
    ),
    exception_codes=ACKNOWLEDGEMENT_CODES,
    population="People whose employment or contract overlaps the window, from the HR register, not from the identity "
    "provider.",
    test=policies_accepted,
    false_positives=(
        "people who start and leave inside 14 days",
        "parental or sick leave on the anniversary (clock pauses, needs HR flag)",
        "service accounts listed as people",
    ),
    recover_until="Records cannot be recreated; an acknowledgement signed later is late.",
    limits=("Leave is not in the people register, so the year does not pause for anybody.",),
)

MANAGEMENT_REVIEW = Control(
    id="CC1-GOV-01",
    title="Quarterly security and control review by management",
    family="governance",
    criteria=("CC1.2", "CC1.3", "CC2.1", "CC3.4", "CC4.2", "CC5.1"),
    tier="core",
    nature=("human_decision",),
    frequency_class="quarterly",
    scope_kind="organisation",
    must_show="Those who answer for the system looked each quarter at incidents, exceptions, risk, access-review "
    "results, vendor issues and completeness gaps, decided things, and followed up earlier decisions. At least one "
    "attendee is not the operator of the controls (board member, founder or adviser where there is no board).",
    evidence=(
        EvidenceLine(
            id="minutes",
            kind="human_record",
            mode="periodic",
            window_cadence="quarterly",
            grace_days=14,
            late_limit_days=60,
            sources=(OWN_RECORDS,),
            supporting={"google": (google.HELD_REVIEWS,)},
            is_population=True,
            description="Minutes: when, who with which role, the pack that was read, decisions with owner and due "
            "day, what became of earlier ones, approval.",
        ),
        EvidenceLine(
            id="input_pack",
            kind="snapshot",
            window_cadence="quarterly",
            collect_every="quarterly",
            grace_days=14,
            max_gap_hours=120 * 24,
            sources=(OWN_RECORDS,),
            description="The report of the completeness flow that the meeting had before it, with its digest.",
        ),
    ),
    exception_codes=REVIEW_CODES,
    population="One meeting per calendar quarter that closes inside the observation period.",
    test=management_reviews,
    false_positives=(
        "two meetings in one quarter and none in the next because of holidays (still an exception, explain it)",
    ),
    recover_until="Not recoverable; held late at most.",
    limits=(
        "The minutes are not compared with the calendar, and what the meeting spoke about is not judged.",
        "Whether somebody watches over the controls without operating them is believed as the minutes say it.",
    ),
)

SCREENING = Control(
    id="CC1-HR-01",
    title="Screening before access",
    family="governance",
    criteria=("CC1.4", "CC6.2"),
    tier="core",
    nature=("human_decision",),
    frequency_class="per_event",
    scope_kind="workforce",
    must_show="New employees and contractors with access were screened to the extent local law allows, and the result "
    "was seen before production access.",
    evidence=(
        EvidenceLine(
            id="screening",
            kind="human_record",
            mode="response",
            window_cadence="monthly",
            due_days=5,
            grace_days=5,
            sources=(HR_REGISTER, OWN_RECORDS),
            supporting={"hr": (own.PEOPLE,)},
            is_population=True,
            description="Per person: kind of check, when it was finished, outcome (clear, adjudicated, waived), who "
            "decided. Never the report itself.",
        ),
    ),
    exception_codes=SCREENING_CODES,
    population="Everyone whose start date lies in the window.",
    test=screened_before_access,
    false_positives=(
        "jurisdictions where checks are unlawful (documented waiver)",
        "rehires within the validity of the old check",
    ),
    zero="No joiners in the window: population proven empty by the HR register snapshot at both window ends.",
    recover_until="Not recoverable.",
    limits=("Which kinds of check law and policy ask for is not known; of several the one finished last counts.",),
)

TRAINING = Control(
    id="CC1-TRN-01",
    title="Security training at joining and yearly",
    family="governance",
    criteria=("CC1.4", "CC2.2"),
    tier="core",
    nature=("automated", "human_decision"),
    frequency_class="per_event",
    scope_kind="workforce",
    must_show="Each person finished security training within 30 days of joining and once every 12 months; engineers "
    "also a secure-development module.",
    evidence=(
        EvidenceLine(
            id="completions",
            kind="event_stream",
            window_cadence="monthly",
            collect_every="weekly",
            lag_hours=24,
            due_days=5,
            grace_days=5,
            sources=(OWN_RECORDS,),
            datasets={"own": own.TRAINING_COMPLETIONS},
            supporting={"hr": (own.PEOPLE,)},
            is_population=True,
            description="Trainings finished: person, course and version, when, score.",
        ),
    ),
    exception_codes=TRAINING_CODES,
    population="HR register members employed at any instant of the window.",
    test=people_are_trained,
    false_positives=(
        "leave of absence",
        "people who left before day 30",
    ),
    recover_until="Learning platform history, usually for ever.",
    limits=(
        "When a training was finished is believed as the register of trainings says it, whenever it was entered.",
        "Leave of absence is not in the people register, so the year does not pause for anybody.",
        "Who is an engineer is not known, so the module on secure development is asked of nobody.",
    ),
)

CONTROLS = (ACKNOWLEDGEMENTS, MANAGEMENT_REVIEW, SCREENING, TRAINING)
