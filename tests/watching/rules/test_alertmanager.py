"""The example of routes: Alertmanager accepts it, and each severity finds its receiver."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from rightrig.watching.rules.alertmanager import RECEIVERS, configuration
from rightrig.watching.rules.alerts import BY_NAME
from rightrig.watching.rules.writing import yaml_text

if TYPE_CHECKING:
    from pathlib import Path

_AMTOOL = shutil.which("amtool")
needs_amtool = pytest.mark.skipif(
    _AMTOOL is None, reason="amtool is absent: install Debian's prometheus-alertmanager"
)


def amtool(*words: str) -> str:
    assert _AMTOOL is not None
    done = subprocess.run([_AMTOOL, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(folder: Path, webhook: str | None) -> str:
    path = folder / "alertmanager.yml"
    path.write_text(yaml_text(configuration(webhook), ("example", "")), encoding="utf-8")
    return str(path)


@needs_amtool
@pytest.mark.parametrize("webhook", [None, "http://127.0.0.1:5001/alerts"])
def test_amtool_accepts_the_configuration(webhook: str | None, tmp_path: Path) -> None:
    found = amtool("check-config", written(tmp_path, webhook))
    assert "3 receivers" in found


@needs_amtool
@pytest.mark.parametrize(("severity", "receiver"), RECEIVERS.items())
def test_each_severity_goes_to_its_receiver(severity: str, receiver: str, tmp_path: Path) -> None:
    path = written(tmp_path, None)
    words = ("config", "routes", "test", f"--config.file={path}")
    assert amtool(*words, f"severity={severity}", "gpu=0", "Hostname=a").strip() == receiver


@needs_amtool
def test_what_has_no_severity_of_ours_is_a_ticket(tmp_path: Path) -> None:
    path = written(tmp_path, None)
    words = ("config", "routes", "test", f"--config.file={path}", "severity=page")
    assert amtool(*words).strip() == "tickets"


def test_a_webhook_is_that_of_every_receiver() -> None:
    url = "https://hooks.example/x"
    urls = [one["webhook_configs"] for one in configuration(url)["receivers"]]
    assert urls == [[{"url": url}]] * 3
    assert not any("webhook_configs" in one for one in configuration(None)["receivers"])


def test_every_alert_that_a_rule_of_silence_names_exists() -> None:
    text = yaml.safe_dump(configuration(None)["inhibit_rules"])
    named = {
        word
        for rule in configuration(None)["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
        for word in matcher.split('"')[1].split("|")
    }
    assert {"GpuLost", "DriverDown", "HostSilent"} <= named
    assert named <= set(BY_NAME), text


def silences(source: str, target: str, *shared: str) -> bool:
    """Whether a rule lets one alert silence another where both share exactly some labels."""

    def matches(matchers: list[str], name: str) -> bool:
        labels = {"alertname": name, "severity": BY_NAME[name].severity}
        for matcher in matchers:
            found = re.fullmatch(r'(\w+)(=~|!~|=)"(.*)"', matcher)
            assert found is not None, matcher
            is_same = re.fullmatch(found[3], labels[found[1]]) is not None
            if is_same == (found[2] == "!~"):
                return False
        return True

    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], target)
        and set(rule["equal"]) <= set(shared)
        for rule in configuration(None)["inhibit_rules"]
    )


@pytest.mark.parametrize(
    ("source", "target", "shared"),
    [
        # A card that fell off the bus is one page, and its XID says why.
        ("GpuLost", "EngineDown", ("Hostname",)),
        ("GpuLost", "CollectiveHang", ("Hostname",)),
        ("GpuLost", "GpusMissing", ("Hostname",)),
        ("GpuLost", "RecoveryNeeded", ("Hostname", "gpu")),
        ("RecoveryNeeded", "EccUncorrectable", ("Hostname", "gpu")),
        ("CollectiveHang", "EngineStalled", ("Hostname",)),
    ],
)
def test_what_follows_from_a_fault_is_no_message_of_its_own(
    source: str, target: str, shared: tuple[str, ...]
) -> None:
    assert silences(source, target, *shared)
    assert not silences(source, target)


@pytest.mark.parametrize("source", ["GpuLost", "DriverDown", "HostSilent", "RecoveryNeeded"])
def test_a_critical_xid_is_never_silenced(source: str) -> None:
    assert not silences(source, "XidCritical", "Hostname", "gpu", "UUID", "engine")


def test_a_critical_alert_shares_its_family_with_the_warnings_that_it_silences() -> None:
    assert BY_NAME["HwThermalSlowdown"].family == BY_NAME["ThermalMarginSmall"].family
    assert BY_NAME["PcieVeryNarrow"].family == BY_NAME["PcieNarrow"].family
    fast, slow = BY_NAME["TtftBudgetBurnsFast"], BY_NAME["TtftBudgetBurnsSlow"]
    assert fast.family == slow.family != BY_NAME["TpotBudgetBurnsSlow"].family
