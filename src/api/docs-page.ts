import { createHash } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --shade: #8881; --accent: light-dark(#1c5fc4, #7db2ff); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; display: grid; grid-template-columns: 20rem minmax(0, 1fr); }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; box-sizing: border-box; padding: 1rem; border-right: 1px solid var(--line); font-size: .875rem; }
nav ul { list-style: none; margin: 0 0 .75rem; padding: 0; }
nav li { padding: .1rem 0; }
nav a { text-decoration: none; }
nav h2 { font-size: 1rem; margin: .5rem 0 .25rem; }
main { padding: 1rem 2rem 4rem; max-width: 60rem; }
a { color: var(--accent); }
section { border-top: 1px solid var(--line); padding: 1rem 0; scroll-margin-top: 1rem; }
section:target { background: var(--shade); }
h2 { margin: 2rem 0 .5rem; }
h3 { margin: 0 0 .25rem; }
h4 { margin: 1rem 0 .25rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
p code, td code, li code { background: var(--shade); border-radius: 3px; padding: 0 .2rem; }
.method { font: 600 12px/1.4 ui-monospace, monospace; border: 1px solid var(--line); border-radius: 3px; padding: .1rem .3rem; }
summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; }
td { padding: .2rem 1rem .2rem 0; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
td:first-child { width: 14rem; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid var(--line); }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border: 0; } main { padding: 1rem; } }`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** The Content-Security-Policy of the page, which has no scripts and loads nothing. */
export const DOCS_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

type Tag = { name: string; 'x-displayName': string };
/** An operation of the description, at its path. */
type Operation = { path: string; method: string; tag: string; id: string; it: JsonObject };

/**
 * Renders the OpenAPI description as a page without scripts. The page contains everything that it
 * shows, with the operations grouped by tag.
 */
export function renderDocsPage(description: JsonObject): string {
  const { paths, components, info } = description as Record<string, JsonObject>;
  const groups = [...Map.groupBy(operationsOf(paths ?? {}), ({ tag }) => tag)];
  const titles = new Map(
    (description.tags as Tag[]).map((tag) => [tag.name, tag['x-displayName']]),
  );
  const schemas = Object.entries(components?.schemas as JsonObject);
  const menu = groups.map(([tag, all]) => {
    const links = all.map(({ id, it }) => `<li>${linkTo(id, String(it.summary))}</li>`);
    return `<h2>${linkTo(groupId(tag), titles.get(tag) ?? tag)}</h2><ul>${links.join('')}</ul>`;
  });
  const sections = groups.map(
    ([tag, all]) =>
      `<h2 id="${groupId(tag)}">${escapeHtml(titles.get(tag) ?? tag)}</h2>${all.map(renderOperation).join('\n')}`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Howdah REST API</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body>
<nav>${menu.join('\n')}<h2>${linkTo('schemas', 'Schemas')}</h2><ul>${schemas.map(([name]) => `<li>${linkTo(name, name)}</li>`).join('')}</ul></nav>
<main><h1>Howdah REST API ${escapeHtml(String(info?.version))}</h1>
<p>${markdown(String(info?.description))}</p>
<ul><li><a href="docs/reference">/docs/reference</a>: the same with search, and requests to try</li>
<li><a href="openapi.json">/openapi.json</a>: the description for programs (OpenAPI 3.1)</li></ul>
${sections.join('\n')}
<h2 id="schemas">Schemas</h2>${schemas.map(([name, schema]) => renderSchema(name, schema as JsonObject)).join('\n')}
</main></body></html>
`;
}

function operationsOf(paths: JsonObject): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, JsonObject>).map(([method, it]) => ({
      ...{ path, method: method.toUpperCase(), it },
      tag: String((it.tags as Json[])[0]),
      id: String(it.operationId),
    })),
  );
}

function renderOperation({ path, method, id, it }: Operation): string {
  const parameters = ((it.parameters ?? []) as JsonObject[]).map(
    ({ name, in: place, description, schema, required }) => [
      `<code>${escapeHtml(String(name))}</code>${required === true ? ' (required)' : ''}<br>${escapeHtml(String(place))}`,
      `${typeOf(schema as JsonObject)}<br>${markdown(String(description ?? ''))}`,
    ],
  );
  const responses = Object.entries(it.responses as Record<string, JsonObject>).map(
    ([status, { description, content }]) => [
      `<code>${escapeHtml(status)}</code>`,
      `${markdown(String(description))}${renderContent(content)}`,
    ],
  );
  const body = isJsonObject(it.requestBody as Json)
    ? `<h4>Body</h4>${renderContent((it.requestBody as JsonObject).content)}`
    : '';
  const description =
    it.description === undefined ? '' : `<p>${markdown(String(it.description))}</p>`;
  return `<section id="${escapeHtml(id)}"><h3>${linkTo(id, String(it.summary))}</h3>
<p><span class="method">${method}</span> <code>${escapeHtml(path)}</code></p>${description}
${parameters.length > 0 ? `<h4>Parameters</h4>${tableOf(parameters)}` : ''}${body}<h4>Responses</h4>${tableOf(responses)}</section>`;
}

/** Renders bodies by their media types: the fields of objects, the JSON Schema of all others. */
function renderContent(content: Json | undefined): string {
  if (!isJsonObject(content as Json)) return '';
  return Object.entries(content as Record<string, JsonObject>)
    .map(([type, { schema }]) => {
      const shown = isJsonObject(schema as Json) ? renderFields(schema as JsonObject) : '';
      return `<p><code>${escapeHtml(type)}</code></p>${shown}`;
    })
    .join('');
}

function renderFields(schema: JsonObject): string {
  if (!isJsonObject(schema.properties as Json)) return `<p>${typeOf(schema)}</p>`;
  const required = (schema.required ?? []) as Json[];
  const rows = Object.entries(schema.properties as Record<string, JsonObject>).map(
    ([name, field]) => [
      `<code>${escapeHtml(name)}</code>${required.includes(name) ? ' (required)' : ''}`,
      `${typeOf(field)}${field.description === undefined ? '' : `<br>${markdown(String(field.description))}`}`,
    ],
  );
  return tableOf(rows);
}

function renderSchema(name: string, schema: JsonObject): string {
  const { description } = schema;
  return `<section id="${escapeHtml(name)}"><h3>${escapeHtml(name)}</h3>${description === undefined ? '' : `<p>${markdown(String(description))}</p>`}
${renderFields(schema)}<details><summary>JSON Schema</summary>${jsonBlock(schema)}</details></section>`;
}

/** Describes the type of a value in a few words, with a link to a schema that it names. */
function typeOf(schema: JsonObject): string {
  const { $ref, type, items, anyOf, enum: values, format } = schema;
  if (typeof $ref === 'string') {
    const name = $ref.replace('#/components/schemas/', '');
    return linkTo(name, name);
  }
  if (Array.isArray(anyOf)) return anyOf.map((one) => typeOf(one as JsonObject)).join(' or ');
  if (Array.isArray(values))
    return values.map((one) => `<code>${escapeHtml(JSON.stringify(one))}</code>`).join(', ');
  if (type === 'array' && isJsonObject(items as Json))
    return `array of ${typeOf(items as JsonObject)}`;
  const name = Array.isArray(type) ? type.join(' or ') : String(type ?? 'any value');
  return escapeHtml(typeof format === 'string' ? `${name} (${format})` : name);
}

/** Renders JSON with links to the schemas that it names. */
function jsonBlock(value: Json): string {
  const text = escapeHtml(JSON.stringify(value, null, 2));
  const linked = text.replaceAll(
    /#\/components\/schemas\/(\w+)/g,
    (_all, name: string) => `<a href="#${name}">${name}</a>`,
  );
  return `<pre>${linked}</pre>`;
}

function tableOf(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`);
  return `<table>${cells.join('')}</table>`;
}

/** Renders the Markdown that descriptions use: code spans. */
function markdown(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function linkTo(id: string, text: string): string {
  return `<a href="#${escapeHtml(id)}">${escapeHtml(text)}</a>`;
}

function groupId(tag: string): string {
  return `tag-${tag.replaceAll(/\W+/g, '-')}`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
