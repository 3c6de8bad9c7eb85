#!/usr/bin/env bash
# Builds, tests and measures r3d on a machine with an NVIDIA GPU, without network: see run.py beside this file.
#
#   tests/gpu/run.sh [--dry-run] [OUTPUT_FOLDER]
exec "${PYTHON:-python3}" "$(dirname "${BASH_SOURCE[0]}")/run.py" "$@"
