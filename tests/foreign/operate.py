"""Lineage by a JSON Schema and by OpenLineage's own client, metrics by Prometheus' own parser.

Arguments: the lineage file and the metrics file of a run that published and then of one that failed.
"""

import copy
import json
import pathlib
import sys

import jsonschema
from openlineage.client.generated import base, error_message_run, output_statistics_output_dataset, processing_engine_run
from prometheus_client.parser import text_string_to_metric_families

SCHEMA = json.loads((pathlib.Path(__file__).parent / "openlineage.schema.json").read_text())
FACETS = {
    "errorMessage": error_message_run.ErrorMessageRunFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
}


def facets(written):
    """The client's facets; it refuses keys that it does not know, and its schema must be the one we name."""
    made = {}
    for name, facet in written.items():
        facet = dict(facet)
        producer, schema = facet.pop("_producer"), facet.pop("_schemaURL")
        made[name] = FACETS[name](producer=producer, **facet)
        assert made[name]._schemaURL == schema, (schema, made[name]._schemaURL)
    return made


def client(event):
    """The event as the client's own objects, which check ids and times."""
    run, outputs = event["run"], event["outputs"]
    made = base.RunEvent(
        eventTime=event["eventTime"],
        eventType=base.EventType(event["eventType"]),
        producer=event["producer"],
        run=base.Run(runId=run["runId"], facets=facets(run["facets"])),
        job=base.Job(**event["job"]),
        inputs=[base.InputDataset(**data) for data in event["inputs"]],
        outputs=[
            base.OutputDataset(data["namespace"], data["name"], outputFacets=facets(data.get("outputFacets", {})))
            for data in outputs
        ],
    )
    assert made.schemaURL == event["schemaURL"], (made.schemaURL, event["schemaURL"])


def damaged(event):
    """Events that no validator may let pass."""
    def without(*path):
        bad = copy.deepcopy(event)
        inner = bad
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        return bad

    def with_(value, *path):
        bad = copy.deepcopy(event)
        inner = bad
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        return bad

    yield from (without(key) for key in ("eventTime", "run", "job", "producer", "schemaURL"))
    yield from (without("run", "runId"), without("job", "namespace"), without("run", "facets", "processing_engine", "_producer"))
    yield from (with_("DONE", "eventType"), with_("yesterday", "eventTime"), with_("7", "run", "runId"))
    yield from (with_([{"name": "x"}], "inputs"), with_("x", "outputs"), with_("FAIL", "eventType"))


def check_lineage(path, kinds):
    events = [json.loads(line) for line in open(path, encoding="utf-8")]
    assert [event["eventType"] for event in events] == kinds, events
    validator = jsonschema.Draft202012Validator(SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    refused = 0
    for event in events:
        validator.validate(event)
        client(event)
    for bad in damaged(events[0]):
        assert not validator.is_valid(bad), f"the schema lets pass {bad}"
        refused += 1
    pairs = [events[index]["run"]["runId"] == events[index + 1]["run"]["runId"] for index in range(0, len(events), 2)]
    assert all(pairs) and len({event["run"]["runId"] for event in events}) == len(events) // 2, "one id a run"
    statistics = [data["outputFacets"]["outputStatistics"] for data in events[1]["outputs"]]
    assert statistics and all(one["fileCount"] > 0 for one in statistics), statistics
    print(f"lineage: {len(events)} events fit the schema and the client, {refused} damaged ones do not")


def check_metrics(path, success):
    families = list(text_string_to_metric_families(open(path, encoding="utf-8").read()))
    assert all(family.type == "gauge" and family.documentation for family in families), families
    series = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }
    total = sum(len(family.samples) for family in families)
    assert total == len(series), "a series occurs twice"
    value = lambda name: next(value for (found, _), value in series.items() if found == name)
    assert value("vtr_run_success") == success
    fates = sum(value for (name, _), value in series.items() if name == "vtr_run_rows")
    assert value("vtr_run_rows_read") == fates and (fates > 0 or not success), fates
    print(f"metrics: {len(families)} families, {total} series, success {success}")


lineage, good, bad = sys.argv[1:]
check_lineage(lineage, ["START", "COMPLETE", "START", "FAIL"])
check_metrics(good, 1)
check_metrics(bad, 0)
