"""Where metrics are shown, from the file of `--monitoring_config_file`."""

from dl100_tf.serving import text_protos

DEFAULT = "/monitoring/prometheus/metrics"


def path(settings) -> str:
    """The path of the metrics on the REST port; empty where they aren't shown.

    Raises:
        ServingError: the file can't be read.
    """
    if not settings.monitoring_config_file:
        return ""
    found = text_protos.read(settings.monitoring_config_file, "MonitoringConfig").prometheus_config
    return (found.path or DEFAULT) if found.enable else ""
