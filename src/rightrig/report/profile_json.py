"""A profile as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.profile import counted, unassigned_ratio

if TYPE_CHECKING:
    from rightrig.measuring.profile.account import Account, Timeline
    from rightrig.measuring.profile.comparing import Line
    from rightrig.measuring.profile.profile import Profile
    from rightrig.measuring.profile.recording import Recording
    from rightrig.measuring.profile.steps import Batch
    from rightrig.report.schema.profiling import (
        ProfileCountersJson,
        ProfiledBatchJson,
        ProfiledLineJson,
        ProfiledOperatorJson,
        ProfiledStepJson,
        ProfiledTimelineJson,
        ProfileJson,
        ProfileRecordingJson,
    )


def profile_json(found: Profile) -> ProfileJson | ProfileCountersJson:
    """Return a profile as JSON."""
    if found.account is None:
        return _counters_json(found)
    account, beside, verdict = found.account, found.beside, found.verdict
    return {
        "file": str(found.path),
        "device": account.device,
        "found_by": account.how,
        "steps_count": account.steps_count,
        "waited_count": account.waited_count,
        "devices_count": account.devices_count,
        "kernels_count": account.kernels_count,
        "left_out_count": account.left_out_count,
        "kinds": [
            {"batch": _batch_json(kind.batch), "count": kind.count, "mean_s": kind.mean_s}
            for kind in account.kinds
        ],
        "batch": _batch_json(account.batch),
        "step_s": account.step_s,
        "timeline": None if account.timeline is None else _timeline_json(account.timeline),
        "operators": _operators_json(account),
        "unassigned_ratio": unassigned_ratio(account),
        "unassigned": list(account.unassigned),
        "model_step": _step_json(found),
        "expected_s": None if beside is None else beside.expected_s,
        "bound_s": None if beside is None else beside.bound_s,
        "lines": [] if beside is None else [_line_json(line) for line in beside.lines],
        "assumed": list(found.assumed),
        "bound_by": verdict.bound_by,
        "bound_ratios": dict(verdict.shares_ratio),  # type: ignore[arg-type] # words are texts
        "sentences": list(verdict.sentences),
        "changes": list(verdict.changes),
    }


def _batch_json(batch: Batch | None) -> ProfiledBatchJson | None:
    """Return what a step worked on as JSON."""
    if batch is None:
        return None
    return {
        "decode_seqs": batch.decode_seqs,
        "prompt_tokens": batch.prompt_tokens,
        "context_tokens": batch.context_tokens,
    }


def _operators_json(account: Account) -> list[ProfiledOperatorJson]:
    """Return the operators of a step as JSON."""
    return [
        {
            "name": spent.name,
            "time_s": spent.time_s,
            "share_ratio": spent.time_s / account.step_s,
            "calls_count": spent.calls_count,
        }
        for spent in account.spent
    ]


def _timeline_json(line: Timeline) -> ProfiledTimelineJson:
    """Return when the device worked as JSON."""
    return {
        "shortest_s": line.shortest_s,
        "longest_s": line.longest_s,
        "busy_s": line.busy_s,
        "idle_s": line.idle_s,
        "communication_s": line.communication_s,
        "exposed_s": line.exposed_s,
        "together_s": line.together_s,
        "gaps": [
            {"before": g.before, "after": g.after, "idle_s": g.idle_s, "count": g.count}
            for g in line.gaps
        ],
    }


def _step_json(found: Profile) -> ProfiledStepJson | None:
    """Return the step that the model was asked about as JSON."""
    step = found.step
    if step is None:
        return None
    return {
        "decode_seqs": float(step.decode_seqs),
        "context_tokens": float(step.context_tokens),
        "prompt_tokens": float(step.prefill_tokens),
    }


def _line_json(line: Line) -> ProfiledLineJson:
    """Return one operator beside the model's as JSON."""
    return {
        "name": line.name,
        "measured_s": line.measured_s,
        "expected_s": line.expected_s,
        "bound_s": line.bound_s,
        "ratio": line.ratio,
        "waits_for": line.waits_for,
    }


def _counters_json(found: Profile) -> ProfileCountersJson:
    """Return kernels with their counters as JSON."""
    return {
        "file": str(found.path),
        "kernels": [
            {
                "name": name,
                "time_s": time_s,
                "calls_count": calls,
                "memory_ratio": memory,
                "compute_ratio": compute,
                "bound_by": bound,
            }
            for name, time_s, calls, memory, compute, bound in counted(found)
        ],
        "bound_by": found.verdict.bound_by,
        "bound_ratios": dict(found.verdict.shares_ratio),  # type: ignore[arg-type] # words are texts
        "sentences": list(found.verdict.sentences),
        "changes": list(found.verdict.changes),
    }


def recording_json(found: Recording) -> ProfileRecordingJson:
    """Return how an engine is recorded as JSON."""
    return {
        "engine": found.engine,
        "ways": [
            {"tool": w.tool, "use": w.use, "commands": list(w.commands), "file": w.file}
            for w in found.ways
        ],
        "look_for": list(found.look_for),
    }
