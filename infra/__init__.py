"""From this folder to a running engine in an AWS account: `python -m infra deploy STAGE`, and back."""
