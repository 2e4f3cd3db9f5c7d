"""AWS on one machine: moto's server behind a layer that adds what the real service does and moto does not.

The layer is stricter than moto and never laxer than AWS, so that a plan which passes here is right. Import
from the modules: :class:`meshlab.emulate.aws.cloud.AwsCloud` is the one to start.
"""
