"""What the faults of a plan do to a stage. Whatever `begin` changes, `end` restores, unless another fault
still holds it."""

from functools import partial

from host_tools.storm.crowd.people import People
from host_tools.storm.stage import Stage
from host_tools.storm.weather import faults_board, faults_body, faults_net
from host_tools.storm.weather.doing import KINDS_TYPE
from host_tools.storm.weather.plan import Fault

KINDS: KINDS_TYPE = {**faults_net.KINDS, **faults_board.KINDS, **faults_body.KINDS}


def begin(fault: Fault, stage: Stage) -> None:
    stage.trace.note("fault", number=fault.number, name=fault.kind, on=True, args=fault.args)
    KINDS[fault.kind].begin(fault, stage)


def end(fault: Fault, stage: Stage) -> None:
    for ticket in stage.holds.tickets.pop(fault.number, []):
        stage.agenda.cancel(ticket)
    KINDS[fault.kind].end(fault, stage)
    stage.trace.note("fault", number=fault.number, name=fault.kind, on=False, args=fault.args)


def schedule(stage: Stage) -> People:
    """Enters all of the stage's plan into its agenda: faults, people, and the calm end."""
    plan, agenda = stage.plan, stage.agenda
    for fault in plan.faults:
        agenda.at(fault.at_us, partial(begin, fault, stage))
        agenda.at(fault.until_us, partial(end, fault, stage))
    people = People(stage)
    for act in plan.acts:
        agenda.at(act.at_us, partial(people.act, act))
    agenda.at(plan.calm_us, people.calm)
    return people
