import { pino } from 'pino';
import { type ApiServer, startApi } from '../../../src/api/server.ts';

/** What an API process is, with connections of its own; no login, on a free port of this machine. */
export function startApiProcess(
  url: string,
  more: { poolerUrl?: string; replicaUrl?: string } = {},
): Promise<ApiServer> {
  return startApi({
    ...{ url, host: '127.0.0.1', port: 0, auth: 'none', corsOrigins: [] },
    ...{ jwtSecret: undefined, jwksUrl: undefined },
    ...{ graphqlIntrospection: false, graphqlOperations: undefined },
    log: pino({ level: 'silent' }),
    ...more,
  });
}

export type Reply = { ok: boolean; names: string[]; position: string | null };

/** One operation of GraphQL; `names` are those of what it gives. */
export async function askApi(
  api: ApiServer,
  query: string,
  position?: string | null,
): Promise<Reply> {
  try {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(position && { 'x-howdah-lsn': position }),
      },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = (await response.json()) as {
      data?: { prompts?: { nodes: { name: string }[] } };
      errors?: unknown[];
    };
    const names = data?.prompts?.nodes.map(({ name }) => name) ?? [];
    const isGood = response.ok && errors === undefined;
    return { ok: isGood, names, position: response.headers.get('x-howdah-lsn') };
  } catch {
    return { ok: false, names: [], position: null };
  }
}

/** Makes a prompt of this name. */
export const writing = (name: string) =>
  `mutation { createPrompt(input: { prompt: { name: "${name}", template: "x" } }) { prompt { name } } }`;

/** The newest prompts. */
export const READING = '{ prompts(first: 20, orderBy: ID_DESC) { nodes { name } } }';
