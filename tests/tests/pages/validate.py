"""Reads {"document", "answers"}: proves the document to be OpenAPI 3.1, and every answer to be what it says."""
import json
import sys

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

given = json.load(sys.stdin)
document = given["document"]
assert document["openapi"].startswith("3.1."), document["openapi"]
OpenAPIV31SpecValidator(document).validate()


def close(schema, of_all):
    """What is not documented may not be there, but where a type is only a part of another."""
    if isinstance(schema, list):
        for part in schema:
            close(part, of_all)
    if isinstance(schema, dict):
        if "properties" in schema and not of_all and "additionalProperties" not in schema:
            schema["unevaluatedProperties"] = False
        for key, part in schema.items():
            close(part, key == "allOf")


parts = {part["$ref"] for schema in document["components"]["schemas"].values() for part in schema.get("allOf", []) if "$ref" in part}
for name, schema in document["components"]["schemas"].items():
    if f"#/components/schemas/{name}" not in parts:
        close(schema, False)

faults = []
for answer in given["answers"]:
    operation = document["paths"][answer["path"]][answer["method"]]
    said = operation["responses"].get(str(answer["status"])) or operation["responses"]["default"]
    if "$ref" in said:
        said = document["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
    where = f"{answer['method']} {answer['path']} {answer['status']}"
    contents = said.get("content", {})
    if answer["type"] is None:
        if contents or answer["body"]:
            faults.append(f"{where}: nothing came, or something that is not documented")
        continue
    if answer["type"] not in contents:
        faults.append(f"{where}: {answer['type']} is not one of {sorted(contents)}")
        continue
    schema = {**contents[answer["type"]]["schema"], "components": document["components"]}
    for error in Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer["body"]):
        faults.append(f"{where}: {error.json_path}: {error.message}")
if faults:
    sys.exit("\n".join(faults))
