"""Beam's arguments for workers on one machine."""

from __future__ import annotations

LOCAL_BEAM = (
    # Named in full: Beam's short name DirectRunner tries to download another runner in its newer releases.
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    # No container is started; but where none is named, TFX packs itself for remote workers, anew in every step.
    "--sdk_container_image=unused",
)


def beam_arguments(workers: int) -> list[str]:
    """Arguments for so many worker processes; 1 stays in the calling process, which spares their start."""
    if workers == 1:
        return list(LOCAL_BEAM)
    return [*LOCAL_BEAM, "--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
