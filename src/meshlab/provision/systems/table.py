"""The systems of a cluster, in the order in which they come up; a new one is a folder of its own and a line here."""

from __future__ import annotations

from meshlab.provision.systems.aws.system import SYSTEM as aws
from meshlab.provision.systems.chains.system import SYSTEM as chains
from meshlab.provision.systems.interface import System
from meshlab.provision.systems.kubernetes.system import SYSTEM as kubernetes
from meshlab.provision.systems.strongbox.system import SYSTEM as strongbox
from meshlab.provision.systems.talos.system import SYSTEM as talos
from meshlab.provision.systems.vault.system import SYSTEM as vault

SYSTEMS: tuple[System, ...] = (aws, strongbox, talos, kubernetes, vault, chains)
