"""A dataset in Croissant 1.1: files, fields, where the rows come from (PROV-O), what made them (RAI).

Benjelloun et al., Croissant Format Specification 1.1, 2026. Identifiers are those of the specification.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.metrics.table import table_of
from engine.rows.composition import Composition
from jobs.report.data_sources import DataSources

CONFORMS = "http://mlcommons.org/croissant/1.1"
_CR = (
    "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _CR},
}
_KINDS = {float: "sc:Float", int: "sc:Integer", str: "sc:Text", bool: "sc:Boolean"}
FIELDS: Mapping[str, tuple[str, str]] = {
    "sample_id": ("sc:Text", "unique in the dataset"),
    "image": ("sc:ImageObject", "the composition, JPEG"),
    "caption": ("sc:Text", "what it shows"),
    "background_prompt": ("sc:Text", "where it is set"),
    "scene": ("sc:Text", "short name of the background"),
    "num_objects": ("sc:Integer", "how many objects were placed"),
    **{
        spec.column: (_KINDS[spec.kind], spec.about)
        for spec in table_of(Composition).values()
        if "croissant" in spec.views and not spec.group
    },
    "status": ("sc:Text", "accepted or rejected by the gate"),
    "seed": ("sc:Integer", "every draw of the row derives from it"),
}
LICENSES = {
    "cc0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "cc-by-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}


def croissant(name: str, columns: Collection[str], report: Mapping[str, Any], sources: DataSources) -> dict[str, Any]:
    """The description as JSON-LD.

    Args:
        name: of the recipe.
        columns: of the rows.
        report: of `jobs.report.stats.stats`.
        sources: licences and models.
    """
    fields = [_field(each) for each in FIELDS if each in columns]
    licenses = [str(license_) for license_, *_ in sources.licenses] or ["unknown"]
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": f"mycanvas-{name}",
        "description": f"{report['rows']:,} synthetic compositions of photographed concepts; the gate accepted "
        f"{report['accepted']:,} of them.",
        "license": [LICENSES.get(each.lower(), each) for each in licenses],
        "version": "1.0.0",
        "inLanguage": "en",
        "keywords": ["synthetic", "text-to-image", "personalization"],
        "distribution": [
            {
                "@type": "cr:FileSet", "@id": "shards", "name": "shards", "includes": "data/*.parquet",
                "encodingFormat": "application/x-parquet",
            }
        ],
        "recordSet": [
            {"@type": "cr:RecordSet", "@id": "rows", "name": "rows", "field": fields}
        ],
        **_provenance(sources),
    }  # fmt: skip


def _field(name: str) -> dict[str, Any]:
    kind, about = FIELDS[name]
    source: dict[str, Any] = {"fileSet": {"@id": "shards"}, "extract": {"column": name}}
    if kind == "sc:ImageObject":
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field", "@id": f"rows/{name}", "name": f"rows/{name}", "description": about, "dataType": kind,
        "source": source,
    }  # fmt: skip


def _provenance(sources: DataSources) -> dict[str, Any]:
    """Photos that the rows derive from, models that had a hand in them, and what a user should know of both."""
    photos = [
        {"@type": "prov:Entity", "@id": f"photos-{number}", "name": f"{count} photos under {license_}"}
        for number, (license_, count, _) in enumerate(sources.licenses)
    ]
    agents = [
        {"@type": "prov:SoftwareAgent", "@id": f"model-{number}", "name": f"{model} at {revision} ({license_})"}
        for number, (model, revision, license_, _) in enumerate(sources.models)
    ]
    return {
        "prov:wasDerivedFrom": photos,
        "prov:wasGeneratedBy": {"@type": "prov:Activity", "@id": "composition", "prov:wasAssociatedWith": agents},
        "rai:dataCollection": "Photographs of concepts were segmented; nothing else was collected.",
        "rai:dataCollectionType": "Software Collection",
        "rai:dataPreprocessingProtocol": "Concepts were cut out, laid out, pasted, and the background repainted.",
        "rai:machineAnnotationTools": [f"{model} at {revision}" for model, revision, *_ in sources.models],
        "rai:dataLimitations": "Images are composites; scores are those of models and were checked by nobody.",
        "rai:personalSensitiveInformation": "None is looked for; photographs are the user's own.",
    }
