"""Deploys the engine into an AWS account: `python -m infra deploy STAGE`, and `destroy STAGE`."""
