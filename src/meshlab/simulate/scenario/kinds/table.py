"""The kinds of fault that a scenario may have, by name, in the order in which they are listed to people."""

from __future__ import annotations

from meshlab.simulate.scenario.kinds.degrade import Degrade
from meshlab.simulate.scenario.kinds.fail import Fail
from meshlab.simulate.scenario.kinds.halt import Halt
from meshlab.simulate.scenario.kinds.interface import FaultKind
from meshlab.simulate.scenario.kinds.lose_disk import LoseDisk
from meshlab.simulate.scenario.kinds.partition import Partition
from meshlab.simulate.scenario.kinds.pause import Pause
from meshlab.simulate.scenario.kinds.restart import Restart

KINDS: dict[str, FaultKind] = {
    kind.name: kind for kind in (Fail(), Partition(), Degrade(), Restart(), LoseDisk(), Pause(), Halt())
}
