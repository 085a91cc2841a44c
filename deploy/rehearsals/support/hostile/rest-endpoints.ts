import type { JsonObject } from '../../../../src/json/json.ts';
import type { BodyTemplate } from './bodies.ts';
import { type Endpoint, type Fixtures, httpEndpoint, UNIQUE_NAME, UNKNOWN_ID } from './endpoint.ts';
import { resolveReference, type Sampling, type Schema, sampleOf } from './schema-sample.ts';

type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
};
type Operation = { requestBody?: { content: Record<string, { schema?: Schema }> } };

/** Lists the operations of `/openapi.json` that take a body: REST, agent systems and `/v1`. */
export async function restEndpoints(url: string, fixtures: Fixtures): Promise<Endpoint[]> {
  const api = (await (await fetch(`${url}/openapi.json`)).json()) as OpenApi;
  const schemas = api.components?.schemas ?? {};
  return Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody }]) =>
      Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => {
        const isYaml = type.includes('yaml');
        const label = `${method.toUpperCase()} ${path}`;
        return httpEndpoint(url, {
          name: isYaml ? `${label} as ${type}` : label,
          method: method.toUpperCase(),
          path: filledPath(path, fixtures),
          type,
          isYaml,
          templates: isYaml ? [] : bodyTemplates(label, schema ?? {}, { schemas, fixtures }),
        });
      }),
    ),
  );
}

/** Fills `/api/agents/{id}` with the id of an agent, `/sessions/{sid}` with that of a session. */
function filledPath(path: string, { ids }: Fixtures): string {
  const kind = path.split('/').findLast((_part, index, parts) => parts[index + 1]?.startsWith('{'));
  return path.replaceAll(/\{\w+\}/g, ids[kind ?? ''] ?? UNKNOWN_ID);
}

/** Properties that a body needs beside those that its schema requires. */
const NEEDED: Record<string, (fixtures: Fixtures) => JsonObject> = {
  'POST /api/execute': ({ agent }) => ({ agent }),
  'POST /sessions': ({ agent }) => ({ agent }),
  'PUT /sessions/{sid}/agent': ({ agent }) => ({ agent }),
  'POST /api/workflows': ({ agent }) => ({ members: [{ agent }] }),
  'POST /api/models': () => ({ provider: 'local', model: 'local' }),
  'PUT /api/models/{id}': () => ({ provider: 'local', model: 'local' }),
  'POST /api/mcp-servers': () => ({ type: 'http', configuration: { url: 'https://example.com' } }),
  'POST /agent-systems': () => ({
    version: 'v1',
    name: UNIQUE_NAME,
    agents: {
      [`${UNIQUE_NAME}-desk`]: {
        mission: 'x',
        tools: { allow: ['todo'] },
        budget: { max_steps: 2 },
      },
    },
    workflows: {},
    orchestrator: `${UNIQUE_NAME}-desk`,
  }),
  'POST /agent-systems/check': () => ({
    files: [{ name: 'x.yaml', text: 'version: v1\nname: x' }],
  }),
};

/** Makes the smallest accepted body, and one more with each of the optional properties. */
function bodyTemplates(label: string, schema: Schema, sampling: Sampling): BodyTemplate[] {
  const full = sampleOf(schema, sampling) as JsonObject;
  const { required = [] } = resolveReference(schema, sampling);
  const smallest: JsonObject = {
    ...Object.fromEntries(required.map((name) => [name, full[name] ?? null])),
    ...NEEDED[label]?.(sampling.fixtures),
  };
  const optional = Object.keys(full).filter((name) => !(name in smallest));
  return [
    { body: smallest, path: [] },
    ...optional.map((name) => ({
      body: { ...smallest, [name]: full[name] ?? null },
      path: [name],
    })),
  ];
}
