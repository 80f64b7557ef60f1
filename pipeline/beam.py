"""Beam's arguments for workers on one machine."""

from __future__ import annotations

# Named in full: Beam's short name DirectRunner tries to download another runner in its newer releases.
LOCAL_BEAM = ("--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",)


def beam_arguments(workers: int) -> list[str]:
    """Arguments for so many worker processes; 1 stays in the calling process, which spares their start."""
    if workers == 1:
        return list(LOCAL_BEAM)
    return [*LOCAL_BEAM, "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
