//! The JSON Schema of the document, generated from the types that read and write it.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::document::{Cache, Client, FORMAT_VERSION, KIND, SECTIONS, Section};

/// The schema as pretty-printed JSON with a final newline.
pub fn text() -> String {
    // A `Value` built from string keys always serialises.
    serde_json::to_string_pretty(&schema()).unwrap_or_default() + "\n"
}

/// The schema of `ec.connection`. Unknown keys are allowed everywhere: they pass through.
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut properties = serde_json::Map::new();
    properties.insert("kind".into(), json!({"const": KIND}));
    properties.insert(
        "format_version".into(),
        json!({"type": "string", "pattern": "^1(\\.[0-9]+)?$", "examples": [FORMAT_VERSION]}),
    );
    properties
        .insert("id".into(), json!({"type": "string", "description": "Names the connection; kept by every stage."}));
    properties.insert("cache".into(), of::<Cache>(&mut generator));
    properties.insert("client".into(), of::<Client>(&mut generator));
    for section in SECTIONS {
        properties.insert(section.into(), of::<Section>(&mut generator));
    }
    properties.insert(
        "ok".into(),
        json!({"type": "boolean", "description": "False when any section says no, unknown or error."}),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:ec.connection:1",
        "title": KIND,
        "description": "One client–cache connection, as it travels through ec-sg, ec-iam, ec-cli-install and ec-probe.",
        "type": "object",
        "required": ["kind", "format_version"],
        "properties": properties,
        "$defs": generator.take_definitions(true),
    })
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}
