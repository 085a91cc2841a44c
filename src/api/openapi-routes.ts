import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { chatPaths } from './chat-ui/chat-paths.ts';
import { healthPaths } from './health/health-paths.ts';
import { openApi } from './http/openapi.ts';
import { openAiPaths } from './openai/paths.ts';
import { routes } from './rest/rest-routes.ts';
import { socketPath } from './ws/socket-messages.ts';

/** The OpenAPI description at `/openapi.json`. */
const description = openApi({
  routes,
  endpoints: [...chatPaths, ...openAiPaths, ...healthPaths],
  sockets: [socketPath],
});

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
summary { cursor: pointer; padding: .2rem 0; }
summary b { display: inline-block; width: 5rem; }
details { margin-left: 1rem; }
td { padding: 0 1rem .2rem 0; vertical-align: top; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8884; }`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/**
 * Serves the description of the REST API, for programs and for people. The description contains
 * nothing about any user, so it needs no login.
 */
export function descriptionRoutes(app: FastifyInstance): void {
  const text = JSON.stringify(description);
  const page = renderPage(description);
  app.get('/openapi.json', (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(text),
  );
  app.get('/docs', (_request, reply) =>
    reply.header('content-security-policy', POLICY).type('text/html; charset=utf-8').send(page),
  );
}

/**
 * Renders the description as a page without scripts. The page contains everything that it shows.
 */
function renderPage(description: JsonObject): string {
  const { paths, components, info } = description as Record<string, JsonObject>;
  const operations = Object.entries(paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, JsonObject>).map(([method, one]) => ({
      path,
      method: method.toUpperCase(),
      one,
      tag: String((one.tags as Json[])[0]),
    })),
  );
  const sections = [...Map.groupBy(operations, ({ tag }) => tag)].map(
    ([tag, all]) => `<h2>${escapeHtml(tag)}</h2>${all.map(renderOperation).join('')}`,
  );
  const schemas = Object.entries(components?.schemas as JsonObject).map(
    ([name, schema]) =>
      `<details id="${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>${jsonBlock(schema)}</details>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Howdah REST</title><style>${STYLE}</style></head>
<body><h1>Howdah ${escapeHtml(String(info?.version))}</h1><p>${escapeHtml(String(info?.description))}
For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
${sections.join('\n')}<h2>Schemas</h2>${schemas.join('\n')}</body></html>\n`;
}

function renderOperation({ path, method, one }: { path: string; method: string; one: JsonObject }) {
  const parameters = ((one.parameters ?? []) as JsonObject[]).map(
    ({ name, in: place, description = '', schema }) =>
      `<tr><td><code>${escapeHtml(String(name))}</code></td><td>${escapeHtml(String(place))}</td><td><code>${escapeHtml(JSON.stringify(schema))}</code></td><td>${escapeHtml(String(description))}</td></tr>`,
  );
  const answers = Object.entries(one.responses as Record<string, JsonObject>).map(
    ([status, { description, content }]) =>
      `<tr><td>${escapeHtml(status)}</td><td>${escapeHtml(String(description))}</td><td>${renderContent(content)}</td></tr>`,
  );
  const body = isJsonObject(one.requestBody as Json)
    ? `<h4>Body</h4>${renderContent((one.requestBody as JsonObject).content)}`
    : '';
  return `<details><summary><b>${method}</b> <code>${escapeHtml(path)}</code> ${escapeHtml(String(one.summary))}</summary>
<p>${escapeHtml(String(one.description ?? ''))}</p><table>${parameters.join('')}</table>${body}<h4>Answers</h4><table>${answers.join('')}</table></details>`;
}

function renderContent(content: Json | undefined): string {
  if (!isJsonObject(content as Json)) return '';
  return Object.entries(content as Record<string, JsonObject>)
    .map(
      ([type, { schema }]) => `<code>${escapeHtml(type)}</code>${schema ? jsonBlock(schema) : ''}`,
    )
    .join('');
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

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
