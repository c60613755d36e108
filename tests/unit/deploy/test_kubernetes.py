"""The manifests in ``deploy/kubernetes``: taken by Kubernetes, and true to what the gateway has."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import check_kubernetes
from gateway.bootstrap.listening import DRAIN_S
from gateway.cli.commands.work import app as work_app
from gateway.cli.main import COMMANDS
from gateway.domain.errors import ConfigError
from gateway.drivers.journal_postgres import queries
from gateway.drivers.rabbitmq import topology
from gateway.settings.load import CONFIG_VARIABLE, build
from gateway.settings.model import ENVIRONMENT_PREFIX, HTTPSettings, Settings

MANIFESTS = check_kubernetes.MANIFESTS
EXAMPLE = MANIFESTS / "overlays/example"
SIDES = ("gateway", "jido-teate")
DOCUMENTS = list(check_kubernetes.documents())


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for _, document in DOCUMENTS if document["kind"] == kind]


def pods() -> list[dict[str, Any]]:
    return [
        one["spec"]["template"] for kind in ("StatefulSet", "Deployment") for one in of_kind(kind)
    ]


def containers() -> Iterator[dict[str, Any]]:
    for pod in pods():
        yield from pod["spec"].get("initContainers", [])
        yield from pod["spec"]["containers"]


def gateway() -> dict[str, Any]:
    (found,) = of_kind("StatefulSet")
    return found


def worker() -> dict[str, Any]:
    (found,) = of_kind("Deployment")
    return found


def test_every_manifest_is_what_kubernetes_takes() -> None:
    assert [fault for _, document in DOCUMENTS for fault in check_kubernetes.faults(document)] == []


def test_a_key_that_kubernetes_does_not_know_is_a_fault() -> None:
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"named": "kakehashi"}}

    assert len(list(check_kubernetes.faults(document))) == len(check_kubernetes.VERSIONS)


def test_a_kind_that_nobody_knows_is_a_fault() -> None:
    assert list(check_kubernetes.faults({"apiVersion": "v7", "kind": "Namespace"}))


# What the manifests set is what the gateway has.


def test_every_variable_is_a_setting() -> None:
    names = [each["name"] for container in containers() for each in container.get("env", [])]
    ours = [name for name in names if name.startswith("KAKEHASHI_")]

    assert CONFIG_VARIABLE in ours
    for name in set(ours) - {CONFIG_VARIABLE}:
        model: Any = Settings
        for key in name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"):
            model = model.model_fields[key].annotation


def test_services_of_the_namespace_set_no_variable_that_is_taken_for_a_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kubernetes would set this one for a Service named kakehashi, and no gateway would start."""
    monkeypatch.setenv("KAKEHASHI_PORT", "tcp://192.0.2.1:8080")

    with pytest.raises(ConfigError, match="KAKEHASHI_PORT"):
        build({})

    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods())


@pytest.mark.parametrize("side", SIDES)
def test_the_example_configuration_is_one(side: str) -> None:
    settings = Settings.model_validate(
        yaml.safe_load((EXAMPLE / side / "kakehashi.yaml").read_text(encoding="utf-8"))
    )

    assert settings.workers["jido-teate"].destinations == ("jido-teate",)


def test_both_sides_of_the_example_agree_on_the_destination() -> None:
    """The worker knows more of the core system, but nothing else."""
    one, other = (
        yaml.safe_load((EXAMPLE / side / "kakehashi.yaml").read_text(encoding="utf-8"))
        for side in SIDES
    )

    one_config = one["destinations"]["jido-teate"].pop("config")
    assert one_config.items() <= other["destinations"]["jido-teate"].pop("config").items()
    assert one["destinations"] == other["destinations"]
    assert one["workers"] == other["workers"]


def test_what_the_containers_run_are_commands() -> None:
    (serve,) = gateway()["spec"]["template"]["spec"]["containers"][0]["args"]
    work, *arguments = worker()["spec"]["template"]["spec"]["containers"][0]["args"]

    assert {serve, work} <= set(COMMANDS)
    options = {name for option in get_command(work_app).params for name in option.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= options


def test_ports_are_those_it_listens_on() -> None:
    names = {
        port["name"]: port["containerPort"]
        for container in containers()
        for port in container.get("ports", [])
    }
    metrics = {each["name"]: each.get("value") for each in env_of(worker())}[
        "KAKEHASHI_METRICS__PORT"
    ]
    listens = HTTPSettings()

    assert names == {
        "front": listens.port,
        "operations": listens.operations_port,
        "metrics": int(str(metrics)),
    }
    for service in of_kind("Service"):
        for port in service["spec"]["ports"]:
            assert port["port"] == names[port["targetPort"]]


def env_of(owner: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner["spec"]["template"]["spec"]["containers"][0]["env"]
    return found


def test_probes_ask_paths_that_exist() -> None:
    served = {
        path
        for file in ("operations", "worker_metrics")
        for path in re.findall(
            r'add_get\("(/\w+)"', (Path("gateway/http") / f"{file}.py").read_text(encoding="utf-8")
        )
    }
    asked = [
        container[probe]["httpGet"]["path"]
        for container in containers()
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if probe in container
    ]
    scraped = [
        each["path"] for one in of_kind("PodMonitor") for each in one["spec"]["podMetricsEndpoints"]
    ]

    assert len(asked) == 5
    assert {*asked, *scraped} <= served


def test_a_pod_has_more_time_to_stop_than_it_takes() -> None:
    waits = [
        int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        if "lifecycle" in container
        else 0
        for pod in pods()
        for container in pod["spec"]["containers"]
    ]

    for pod, wait_s in zip(pods(), waits, strict=True):
        assert pod["spec"]["terminationGracePeriodSeconds"] > wait_s + DRAIN_S + 2


# What Kubernetes does with them.


def test_pods_are_confined() -> None:
    for pod in pods():
        shared = pod["spec"]["securityContext"]
        assert shared["runAsNonRoot"]
        assert shared["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
    for container in containers():
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]


def test_the_user_of_the_pods_is_that_of_the_image() -> None:
    dockerfile = Path("Dockerfile").read_text(encoding="utf-8")

    for pod in pods():
        of_pod = pod["spec"]["securityContext"]
        assert f"USER {of_pod['runAsUser']}:{of_pod['runAsGroup']}" in dockerfile


def test_gateways_are_replaced_one_by_one_and_a_worker_ends_before_the_next_begins() -> None:
    """Releases share a journal while it is migrated; a worker's volume is mounted once."""
    assert gateway()["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    assert gateway()["spec"]["minReadySeconds"] > 0
    assert worker()["spec"]["strategy"] == {"type": "Recreate"}


def test_what_a_pod_mounts_is_made_in_the_overlay() -> None:
    for side, owner in zip(SIDES, (gateway(), worker()), strict=True):
        made = yaml.safe_load((EXAMPLE / side / "kustomization.yaml").read_text(encoding="utf-8"))
        names = {
            each["name"] for key in ("configMapGenerator", "secretGenerator") for each in made[key]
        }
        assert wanted(owner["spec"]["template"]["spec"]) == names


def wanted(pod: dict[str, Any]) -> set[str]:
    """Return the names of the Secrets and ConfigMaps that ``pod`` reads."""
    volumes = [volume for volume in pod["volumes"] if "configMap" in volume or "secret" in volume]
    sources = [each["valueFrom"] for each in pod["containers"][0]["env"] if "valueFrom" in each]
    references = [
        source.get("secretKeyRef", source.get("configMapKeyRef"))
        for source in sources
        if "fieldRef" not in source
    ]
    return {
        *(
            volume.get("configMap", {}).get("name") or volume["secret"]["secretName"]
            for volume in volumes
        ),
        *(reference["name"] for reference in references),
    }


def test_the_operations_port_is_let_through_for_people_and_monitoring_only() -> None:
    (policy,) = (one for one in of_kind("NetworkPolicy") if one["metadata"]["name"] == "gateway")
    labels = [
        {key for peer in rule["from"] for key in peer["namespaceSelector"]["matchLabels"]}
        for rule in policy["spec"]["ingress"]
        if any(port["port"] == "operations" for port in rule["ports"])
    ]

    assert labels == [{"kakehashi/ingress", "kakehashi/monitoring"}]


def test_both_namespaces_refuse_what_no_policy_lets_through() -> None:
    closed = {
        one["metadata"]["namespace"]
        for one in of_kind("NetworkPolicy")
        if one["spec"]["podSelector"] == {} and set(one["spec"]) == {"podSelector", "policyTypes"}
    }

    assert closed == {"kakehashi", "kakehashi-workers"}


def test_a_worker_has_a_way_to_the_broker_and_none_to_the_journal() -> None:
    policies = {
        one["metadata"]["name"]: one["spec"]["egress"]
        for one in of_kind("NetworkPolicy")
        if "egress" in one["spec"]
    }

    def reached(name: str) -> set[object]:
        return {port["port"] for rule in policies[name] for port in rule["ports"]}

    assert reached("worker") == {53, 5671}
    assert reached("gateway") == {53, 5432, 5671}
    assert reached("core-system") == {443}


def test_the_database_and_the_broker_are_reached_by_those_whom_it_concerns() -> None:
    entrances = {
        (one["metadata"]["name"], rule["ports"][0]["port"]): {
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in rule["from"]
        }
        for one in of_kind("NetworkPolicy")
        if one["metadata"].get("namespace") in {"kakehashi-journal", "kakehashi-broker"}
        for rule in one["spec"]["ingress"][:1]
    }

    assert entrances == {
        ("journal", 5432): {"kakehashi-gateway"},
        ("broker", 5671): {"kakehashi-gateway", "kakehashi-worker"},
    }


# Keys: from a Secret's flat names to our folders, with the mode that is demanded.


@pytest.mark.parametrize("owner", [gateway, worker])
def test_keys_are_laid_out_as_the_key_store_wants_them(owner: Any, tmp_path: Path) -> None:
    (init,) = owner()["spec"]["template"]["spec"]["initContainers"]
    secret = tmp_path / "secret"
    (secret / "..data").mkdir(parents=True)
    for name in ("gateway-signing.private.jwk", "destination-jido-teate.public.jwk"):
        (secret / "..data" / name).write_text("{}", encoding="utf-8")
        (secret / name).symlink_to(Path("..data") / name)
    (script,) = init["args"]
    script = script.replace("/etc/kakehashi/keys", str(secret)).replace(
        "/run/kakehashi", str(tmp_path)
    )

    for _ in range(2):  # A pod's init containers may run again.
        subprocess.run([*init["command"], script], check=True)

    made = {
        path.relative_to(tmp_path / "keys").as_posix(): oct(path.stat().st_mode & 0o777)
        for path in (tmp_path / "keys").rglob("*")
    }
    assert made == {
        "gateway": "0o700",
        "gateway/signing.private.jwk": "0o600",
        "destination": "0o700",
        "destination/jido-teate.public.jwk": "0o600",
    }


# What has no schema here.


def test_every_kustomization_names_files_that_exist() -> None:
    for folder in sorted(path.parent for path in MANIFESTS.rglob("kustomization.yaml")):
        content = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        manifests = {path.name for path in folder.glob("*.yaml")} - {
            "kustomization.yaml",
            "kakehashi.yaml",
        }
        named = set(content["resources"])
        assert manifests <= named, folder
        assert all((folder / name).exists() for name in named), folder


def test_the_example_database_keeps_what_was_promised() -> None:
    (cluster,) = (one for one in of_kind("Cluster"))
    postgres = cluster["spec"]["postgresql"]

    assert cluster["apiVersion"] == "postgresql.cnpg.io/v1"
    assert cluster["spec"]["instances"] >= 3
    assert ("synchronous_commit", "off") in queries.UNSAFE_SETTINGS
    assert postgres["parameters"]["synchronous_commit"] == "on"
    assert postgres["synchronous"] == {"method": "any", "number": 1, "dataDurability": "required"}
    assert of_kind("Pooler") == []


def test_the_example_broker_can_hold_a_quorum() -> None:
    (cluster,) = of_kind("RabbitmqCluster")
    queues = topology.queues(["jido-teate"], topology.QueueLimits())

    assert cluster["apiVersion"] == "rabbitmq.com/v1beta1"
    assert {queue.arguments["x-queue-type"] for queue in queues} == {"quorum"}
    assert cluster["spec"]["replicas"] % 2 == 1
    assert cluster["spec"]["replicas"] >= 3
    assert cluster["spec"]["tls"]["disableNonTLSListeners"] is True


def test_the_rules_for_the_prometheus_operator_are_all_of_ours() -> None:
    (rule,) = of_kind("PrometheusRule")
    ours = [
        group
        for name in ("recording", "alerts")
        for group in yaml.safe_load(
            Path(f"config/prometheus/{name}.rules.yaml").read_text(encoding="utf-8")
        )["groups"]
    ]

    assert rule["spec"]["groups"] == ours


def test_the_broker_rights_in_the_howto_are_those_of_the_topology() -> None:
    page = Path("docs/howto/kubernetes.md").read_text(encoding="utf-8")

    for rights in (topology.gateway_permissions(), topology.worker_permissions("jido-teate")):
        assert " ".join(f"'{right}'" for right in rights) in page
